import { act, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { ModelLoadingOverlay } from "../src/index.ts";
import { card, HELLO, snapshot, stillStage } from "./world.tsx";

/** Two requests that the server refused for now. */
async function twoWaiting() {
  const page = stillStage(<ModelLoadingOverlay />);
  await page.say(HELLO, snapshot("loading"));
  page.world.answer = () => new Response(JSON.stringify(snapshot("loading")), { status: 425 });
  const errors: unknown[] = [];
  await act(async () => {
    for (const label of ["First", "Second"]) {
      page.greenroom.fetch(`/${label}`, { method: "POST", label }).catch((error) => errors.push(error));
    }
  });
  await page.advance(0);
  return { ...page, errors, list: () => screen.queryByRole("list", { name: "Waiting requests" }) };
}

test("waiting requests stand in the card with their positions and can be cancelled", async () => {
  const { user, list, errors } = await twoWaiting();
  expect(list()?.textContent).toMatch(/1\.First.*2\.Second/);
  expect(list()?.querySelector('[data-queue-position="2"]')?.textContent).toContain("Second");
  await user.click(screen.getByRole("button", { name: "Cancel: First" }));
  expect(errors).toMatchObject([{ code: "cancelled" }]);
  expect(list()?.textContent).toMatch(/^1\.Second/);
});

test("all of them can be given up with one press, which leaves the keyboard in the card", async () => {
  const { user, list, errors } = await twoWaiting();
  await user.click(screen.getByRole("button", { name: "Cancel all" }));
  expect(errors).toHaveLength(2);
  expect(list()).toBeNull();
  expect(document.activeElement).toBe(card());
});

test("a single request needs no button for all", async () => {
  const { user } = await twoWaiting();
  await user.click(screen.getByRole("button", { name: "Cancel: First" }));
  expect(screen.queryByRole("button", { name: "Cancel all" })).toBeNull();
});

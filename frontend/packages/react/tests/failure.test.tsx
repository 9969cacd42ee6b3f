import { screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import packageJson from "../package.json" with { type: "json" };
import { extras } from "../src/extras.tsx";
import { ModelLoadingOverlay } from "../src/index.ts";
import { VERSION } from "../src/version.ts";
import { card, HELLO, snapshot, stillStage } from "./world.tsx";

afterEach(() => vi.restoreAllMocks());

async function failed(name = "failed") {
  const page = stillStage(<ModelLoadingOverlay>{extras}</ModelLoadingOverlay>);
  await page.say(HELLO, snapshot(name));
  return page;
}

test("a failed model says the reason as an alert, shows no bar, and can be tried again", async () => {
  const { world, user } = await failed();
  expect(screen.getByRole("alert").textContent).toContain("model.safetensors is damaged");
  expect(screen.queryByRole("progressbar")).toBeNull();
  world.answer = () => Response.json({}, { status: 202 });
  await user.click(screen.getByRole("button", { name: "Try again" }));
  expect(world.calls.at(-1)).toMatchObject({
    url: "http://here/models/minilm/retry",
    init: { method: "POST" },
  });
});

test("a retry that is refused is told in the server's words", async () => {
  const { world, user } = await failed();
  world.answer = () => Response.json({ detail: "Too soon." }, { status: 429 });
  await user.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByText("Too soon.")).toBe(screen.getAllByRole("alert").at(-1));
});

test("the next automatic try is counted down to", async () => {
  const { advance } = await failed("crash-loop");
  expect(screen.getByText(/^Next try by itself in 6 min 43 sec\.$/)).toBeTruthy();
  await advance(3_000);
  expect(screen.getByText(/^Next try by itself in 6 min 40 sec\.$/)).toBeTruthy();
});

test("a press that ends the failure leaves the keyboard in the card, not at the top of the page", async () => {
  const { world, user, tell } = await failed();
  world.answer = () => Response.json({}, { status: 202 });
  await user.click(screen.getByRole("button", { name: "Try again" }));
  await tell(snapshot("loading", { seq: 99 }));
  expect(document.activeElement).toBe(card());
});

test("diagnostics are one JSON of what the page knows, and nothing that was typed or stored", async () => {
  const { user } = await failed();
  await user.click(screen.getByRole("button", { name: "Copy diagnostics" }));
  expect(await screen.findByRole("button", { name: "Copied" })).toBeTruthy();
  const report = JSON.parse(await navigator.clipboard.readText());
  expect(Object.keys(report)).toEqual(["at", "versions", "userAgent", "link", "snapshot"]);
  expect(report.snapshot).toEqual(snapshot("failed"));
  expect(report.versions.greenroom).toBe(VERSION);
});

test("without a clipboard, as on plain http addresses, the diagnostics stand there selected", async () => {
  const { user } = await failed();
  vi.spyOn(navigator.clipboard, "writeText").mockRejectedValue(new Error("not allowed"));
  await user.click(screen.getByRole("button", { name: "Copy diagnostics" }));
  const area = await screen.findByRole<HTMLTextAreaElement>("textbox", { name: /to copy by hand/ });
  expect(JSON.parse(area.value).snapshot.phase).toBe("failed");
  expect(area.selectionEnd - area.selectionStart).toBe(area.value.length);
});

test("the diagnostics name the version of this package", () => {
  expect(VERSION).toBe(packageJson.version);
});

import { screen } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { extras } from "../src/extras.tsx";
import { ModelLoadingOverlay } from "../src/index.ts";
import { Modal } from "../src/modal.tsx";
import { card, expectAccessible, HELLO, snapshot, stillStage } from "./world.tsx";

// jsdom has dialogs but cannot open them as modal; that part is tested in a browser (e2e).
beforeEach(() => {
  HTMLDialogElement.prototype.showModal = vi.fn(function (this: HTMLDialogElement) {
    this.open = true;
  });
  HTMLDialogElement.prototype.close = vi.fn(function (this: HTMLDialogElement) {
    this.open = false;
  });
});

const NAMES = ["queued", "loading", "stalled", "restarting", "failed", "crash-loop"];
const FRAMES = [
  ["a card", undefined],
  ["a modal dialog", Modal],
] as const;

test.each(NAMES.flatMap((name) => FRAMES.map(([kind, frame]) => [name, kind, frame] as const)))(
  "no violation while %s, as %s",
  async (name, _, frame) => {
    const { say, page } = stillStage(<ModelLoadingOverlay frame={frame}>{extras}</ModelLoadingOverlay>);
    await say(HELLO, snapshot(name));
    expect(card()).not.toBeNull();
    await expectAccessible(page.container);
  },
);

test("while a modal blocks, what is said is said inside of it: outside everything is inert", async () => {
  const { say } = stillStage(<ModelLoadingOverlay frame={Modal} />);
  await say(HELLO, snapshot("loading"));
  expect(card()?.contains(screen.getByRole("status"))).toBe(true);
  expect(card()?.tagName).toBe("DIALOG");
});

test("a modal no longer blocks once it is ready or has failed", async () => {
  const { say, tell } = stillStage(<ModelLoadingOverlay frame={Modal} />);
  const close = vi.mocked(HTMLDialogElement.prototype.close);
  await say(HELLO, snapshot("loading"));
  const before = close.mock.calls.length;
  await tell(snapshot("failed", { seq: 60 }));
  expect(close.mock.calls.length).toBe(before + 1);
  expect((card() as HTMLDialogElement).open).toBe(true);
});

test("Tab goes through the page, then through the card from top to bottom", async () => {
  const { say, user } = stillStage(
    <>
      <button type="button">Preview</button>
      <ModelLoadingOverlay>{extras}</ModelLoadingOverlay>
    </>,
  );
  await say(HELLO, snapshot("failed"));
  const stops: (string | null | undefined)[] = [];
  for (let press = 0; press < 4; press += 1) {
    await user.tab();
    stops.push(document.activeElement?.textContent);
  }
  expect(stops).toEqual(["Preview", "Try again", "Copy diagnostics", "Details"]);
});

test("the card takes no focus when it comes, and gives back what it had when it leaves", async () => {
  const { say, tell, advance, user } = stillStage(
    <>
      <input aria-label="Text" />
      <ModelLoadingOverlay>{extras}</ModelLoadingOverlay>
    </>,
  );
  const field = screen.getByRole("textbox", { name: "Text" });
  await user.click(field);
  await say(HELLO, snapshot("loading"));
  expect(document.activeElement).toBe(field);
  await user.click(screen.getByRole("button", { name: "Tell me when ready" }));
  await tell(snapshot("ready"));
  await advance(3_000);
  expect(card()).toBeNull();
  expect(document.activeElement).toBe(field);
});

import { CLOSE_CODES, type ReadinessView } from "@greenroom/client";
import { act, cleanup, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, test, vi } from "vitest";
import { nextAnnouncement } from "../src/announce.ts";
import { ModelLoadingOverlay, useModelReadiness } from "../src/index.ts";
import { card, example, expectAccessible, snapshot, stage } from "./world.tsx";

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

const HELLO = example("hello");

function Probe({ onView }: { onView(view: ReadinessView): void }) {
  const view = useModelReadiness(["minilm"]);
  onView(view);
  return <output>{view.progress}</output>;
}

test("before any frame the card already says that it connects", () => {
  stage(<ModelLoadingOverlay />);
  expect(card()?.dataset).toMatchObject({ state: "connecting", phase: "connecting", progress: "0" });
  expect(screen.getByRole("progressbar").hasAttribute("aria-valuenow")).toBe(false);
});

test("a loading model shows its progress and its countdown, counted by the clock", async () => {
  const { say, advance } = stage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("loading", { estimated_seconds: 30 }));
  expect(card()?.dataset).toMatchObject({ state: "loading", phase: "loading", progress: "65" });
  expect(screen.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("65");
  expect(screen.getByText("about 30 s left")).toBeTruthy();
  await advance(2_000);
  expect(screen.getByText("about 28 s left")).toBeTruthy();
});

test("an estimate that ran out is called longer than usual", async () => {
  const { say, advance } = stage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("loading", { estimated_seconds: 2, estimate_basis: "history" }));
  await advance(2_500);
  expect(screen.getByText("taking longer than usual")).toBeTruthy();
});

test("a first load has no usual time to take longer than", async () => {
  const { say, advance } = stage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("loading", { estimated_seconds: 2, estimate_basis: "prior" }));
  await advance(2_500);
  expect(screen.getByText("a little longer than expected")).toBeTruthy();
});

test("ready stays for a short note and then leaves", async () => {
  const { say } = stage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("loading"));
  vi.useFakeTimers();
  await say(snapshot("ready"));
  expect(card()?.dataset.state).toBe("ready");
  act(() => vi.advanceTimersByTime(2_600));
  expect(card()).toBeNull();
});

test("who comes when everything is ready sees no card", async () => {
  const { say } = stage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("ready"));
  expect(card()).toBeNull();
});

test("a model that restarts brings the card back and says why", async () => {
  const { say } = stage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("ready"), snapshot("restarting"));
  expect(card()?.textContent).toContain("The model restarted: about to load");
});

test("a lost line is told at once while loading, and a poll says so too", async () => {
  const { say, world, advance } = stage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("loading"));
  await act(async () => world.socket().drop(CLOSE_CODES.LOST));
  expect(card()?.dataset.state).toBe("reconnecting");
  world.answer = () => Response.json(example("status"));
  await advance(1_000);
  expect(card()?.dataset).toMatchObject({ state: "polling", progress: "65" });
});

test("a server that never answered is still being connected to, not lost", async () => {
  const { world } = stage(<ModelLoadingOverlay />);
  await act(async () => world.socket().drop(CLOSE_CODES.LOST));
  expect(card()?.dataset.state).toBe("connecting");
  expect(card()?.textContent).toContain("No answer yet");
});

test("without a network the card says offline", async () => {
  const { say, world, advance } = stage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("loading"));
  world.online = false;
  await act(async () => world.socket().drop(CLOSE_CODES.LOST));
  await advance(1_000);
  expect(card()?.dataset.state).toBe("offline");
});

test("a short gap in the line is kept from somebody who can work", async () => {
  const { say, world } = stage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("ready"));
  vi.useFakeTimers();
  await act(async () => world.socket().drop(CLOSE_CODES.LOST));
  expect(card()).toBeNull();
  act(() => vi.advanceTimersByTime(1_300));
  expect(card()?.dataset.state).toBe("reconnecting");
});

test("a stall is told in seconds, without a countdown that nobody believes", async () => {
  const { say } = stage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("stalled"));
  expect(card()?.dataset.state).toBe("stalled");
  expect(screen.getByText(/Nothing has moved for 23 s/)).toBeTruthy();
  expect(screen.queryByText(/left$/)).toBeNull();
});

describe("a failed model", () => {
  test("says the reason, shows no bar, and can be tried again", async () => {
    const { say, world } = stage(<ModelLoadingOverlay />);
    await say(HELLO, snapshot("failed"));
    expect(card()?.textContent).toContain("model.safetensors is damaged");
    expect(screen.queryByRole("progressbar")).toBeNull();
    world.answer = () => Response.json({}, { status: 202 });
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(world.calls.at(-1)).toMatchObject({
      url: "http://here/models/minilm/retry",
      init: { method: "POST" },
    });
  });

  test("shows the server's reason when the retry is refused", async () => {
    const { say, world } = stage(<ModelLoadingOverlay />);
    await say(HELLO, snapshot("failed"));
    world.answer = () => Response.json({ detail: "Too soon." }, { status: 429 });
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect((await screen.findByRole("alert")).textContent).toBe("Too soon.");
  });

  test("counts down to the next automatic try", async () => {
    const { say, advance } = stage(<ModelLoadingOverlay />);
    await say(HELLO, snapshot("crash-loop"));
    expect(screen.getByText("Next try by itself in 6 min 43 s.")).toBeTruthy();
    await advance(3_000);
    expect(screen.getByText("Next try by itself in 6 min 40 s.")).toBeTruthy();
  });
});

test("waiting requests stand in the card with their positions and can be cancelled", async () => {
  const { say, world, greenroom } = stage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("loading"));
  world.answer = () => new Response(JSON.stringify(snapshot("loading")), { status: 425 });
  const first = expect(greenroom.fetch("/a", { method: "POST", label: "First" })).rejects.toThrow(
    "cancelled",
  );
  await act(async () => void greenroom.fetch("/b", { method: "POST", label: "Second" }).catch(() => {}));
  const list = screen.getByRole("list", { name: "Waiting requests" });
  expect(list.textContent).toMatch(/1\.First.*2\.Second/);
  await userEvent.click(screen.getByRole("button", { name: "Cancel: First" }));
  await first;
  expect(list.textContent).toMatch(/^1\.Second/);
});

test("the stages stand under Details, with bytes", async () => {
  const { say } = stage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("loading"));
  expect(card()?.querySelector('[data-stage="import"]')?.getAttribute("data-stage-state")).toBe("done");
  expect(card()?.textContent).toContain("90.9 MB of 90.9 MB");
});

test.each(["queued", "loading", "stalled", "failed", "crash-loop"])(
  "the card is accessible while %s",
  async (name) => {
    const { say, page } = stage(<ModelLoadingOverlay />);
    await say(HELLO, snapshot(name));
    await expectAccessible(page.container);
  },
);

test("a component sees one model through the hook, and the same view until something changes", async () => {
  const seen: unknown[] = [];
  const { say } = stage(<Probe onView={(view) => seen.push(view)} />);
  await say(HELLO, snapshot("loading"));
  expect(screen.getByText("65")).toBeTruthy();
  const renders = seen.length;
  await say(example("ping"));
  expect(seen).toHaveLength(renders);
});

describe("what a screen reader hears", () => {
  function heard() {
    const { greenroom } = stage(null);
    const at = (progress: number, seq: number) => {
      greenroom.store.accept(snapshot("loading", { progress, seq }));
      return greenroom.store.getView();
    };
    return { greenroom, at };
  }

  test("is one sentence a quarter, never two within five seconds", () => {
    const { at } = heard();
    const first = nextAnnouncement(null, at(30, 1), 0);
    expect(first?.text).toBe("Loading the model, 30 per cent");
    expect(nextAnnouncement(first, at(40, 2), 9_000)).toBe(first);
    expect(nextAnnouncement(first, at(55, 3), 4_000)).toBe(first);
    expect(nextAnnouncement(first, at(56, 4), 5_000)?.text).toBe("Loading the model, 56 per cent");
  });

  test("does not wait when the model is ready", () => {
    const { greenroom, at } = heard();
    const first = nextAnnouncement(null, at(99, 1), 0);
    greenroom.store.accept(snapshot("ready"));
    expect(nextAnnouncement(first, greenroom.store.getView(), 100)?.text).toBe("Ready");
  });
});

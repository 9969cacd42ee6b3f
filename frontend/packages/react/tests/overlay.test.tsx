import { CLOSE_CODES, type ReadinessView } from "@greenroom/client";
import { act, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { ModelLoadingOverlay, useModelReadiness } from "../src/index.ts";
import { A_MOMENT_MS, card, example, HELLO, snapshot, stillStage } from "./world.tsx";

function Probe({ onView }: { onView(view: ReadinessView): void }) {
  const view = useModelReadiness(["minilm"]);
  onView(view);
  return <output>{view.progress}</output>;
}

test("before any frame the card says that it connects, without inventing a figure", async () => {
  const { advance } = stillStage(<ModelLoadingOverlay />);
  await advance(A_MOMENT_MS);
  expect(card()?.dataset).toMatchObject({ state: "connecting", phase: "connecting", progress: "0" });
  expect(screen.getByRole("progressbar").hasAttribute("aria-valuenow")).toBe(false);
  expect(screen.getByRole("progressbar").hasAttribute("aria-valuetext")).toBe(false);
});

test("a loading model shows its progress and its countdown, counted by the clock", async () => {
  const { tell, advance } = stillStage(<ModelLoadingOverlay />);
  await tell(HELLO, snapshot("loading", { estimated_seconds: 30 }));
  await advance(1_000);
  expect(card()?.dataset).toMatchObject({ state: "loading", phase: "loading", progress: "65" });
  expect(screen.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("65");
  expect(screen.getByText("about 29 sec left")).toBeTruthy();
  await advance(2_000);
  expect(screen.getByText("about 27 sec left")).toBeTruthy();
});

test("the bar says its value and the time left in words", async () => {
  const { tell, advance } = stillStage(<ModelLoadingOverlay />, { locale: "en-GB" });
  await tell(HELLO, snapshot("loading", { estimated_seconds: 31 }));
  await advance(1_000);
  expect(screen.getByRole("progressbar").getAttribute("aria-valuetext")).toBe(
    "65 per cent, about 30 seconds left",
  );
});

test("an estimate that ran out is called longer than usual", async () => {
  const { say, advance } = stillStage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("loading", { estimated_seconds: 2, estimate_basis: "history" }));
  await advance(2_500);
  expect(screen.getByText("taking longer than usual")).toBeTruthy();
});

test("a first load has no usual time to take longer than", async () => {
  const { say, advance } = stillStage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("loading", { estimated_seconds: 2, estimate_basis: "prior" }));
  await advance(2_500);
  expect(screen.getByText("longer than expected")).toBeTruthy();
});

test("a model that restarts brings the card back and says why", async () => {
  const { say } = stillStage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("ready"), snapshot("restarting"));
  expect(card()?.textContent).toContain("About to load");
  expect(card()?.textContent).toContain("The model restarted. Loading begins in a moment.");
});

test("a card that came for a moment only still says why it came", async () => {
  const { say, advance } = stillStage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("ready", { seq: 50, round: 1 }), snapshot("loading", { seq: 51, round: 2 }));
  await advance(450);
  await say(snapshot("ready", { seq: 52, round: 2 }));
  expect(card()?.textContent).toContain("The model restarted. Everything answers now.");
});

test("a lost line is told at once while loading, and a poll says so too", async () => {
  const { say, world, drop, advance } = stillStage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("loading"));
  await drop(CLOSE_CODES.LOST);
  expect(card()?.dataset.state).toBe("reconnecting");
  expect(screen.queryByText(/left$/)).toBeNull();
  world.answer = () => Response.json(example("status"));
  await advance(1_000);
  expect(card()?.dataset).toMatchObject({ state: "polling", progress: "65" });
});

test("a server that restarts says goodbye, and the card tells it from a lost line", async () => {
  const { say, drop } = stillStage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("loading"));
  await drop(CLOSE_CODES.SERVICE_RESTART);
  expect(card()?.dataset.state).toBe("draining");
  expect(card()?.textContent).toContain("The server restarts");
});

test("a server that never answered is still being connected to, not lost", async () => {
  const { drop, advance } = stillStage(<ModelLoadingOverlay />);
  await drop(CLOSE_CODES.LOST);
  await advance(A_MOMENT_MS);
  expect(card()?.dataset.state).toBe("connecting");
  expect(card()?.textContent).toContain("No answer yet");
});

test("a line that the server refused is told with its reason, and can be opened again", async () => {
  const { say, world, user } = stillStage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("loading"));
  await act(async () => world.socket().drop(CLOSE_CODES.NOT_AUTHORISED, "Sign in first."));
  expect(card()?.dataset.state).toBe("failed");
  expect(screen.getByRole("alert").textContent).toBe("Connection refusedSign in first.");
  const before = world.sockets.length;
  await user.click(screen.getByRole("button", { name: "Try again" }));
  expect(world.sockets.length).toBe(before + 1);
});

test("without a network the card says offline", async () => {
  const { say, world, drop, advance } = stillStage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("loading"));
  world.online = false;
  await drop(CLOSE_CODES.LOST);
  await advance(1_000);
  expect(card()?.dataset.state).toBe("offline");
});

test("a stall is told in seconds, without a countdown that nobody believes", async () => {
  const { say } = stillStage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("stalled"));
  expect(card()?.dataset.state).toBe("stalled");
  expect(screen.getByText(/Nothing has moved for 23 sec/)).toBeTruthy();
  expect(screen.queryByText(/left$/)).toBeNull();
});

test("the stages stand under Details, with bytes, speed and attempt", async () => {
  const { say } = stillStage(<ModelLoadingOverlay />);
  const [model] = snapshot("loading").models;
  const busy = { ...model!, attempt: 2, bytes_done: 45_434_188, bytes_per_second: 12_300_000 };
  await say(HELLO, snapshot("loading", { models: [busy] }));
  expect(card()?.querySelector('[data-stage="import"]')?.getAttribute("data-stage-state")).toBe("done");
  expect(card()?.querySelector('[data-stage="weights"]')?.textContent).toBe("Read the weightswaiting");
  expect(card()?.textContent).toContain("45.4 MB of 90.9 MB · 12.3 MB/s · attempt 2");
  expect(card()?.querySelector("details")?.open).toBe(false);
});

test("slots: an icon, what to do meanwhile and a footer, also as functions of where things stand", async () => {
  const { say } = stillStage(
    <ModelLoadingOverlay icon={<i data-testid="icon" />} footer={(overlay) => <small>{overlay.phase}</small>}>
      <a href="/pairs">Browse golden pairs</a>
    </ModelLoadingOverlay>,
  );
  await say(HELLO, snapshot("loading"));
  expect(screen.getByTestId("icon")).toBeTruthy();
  expect(screen.getByRole("link", { name: "Browse golden pairs" })).toBeTruthy();
  expect(card()?.querySelector("small")?.textContent).toBe("loading");
});

test("a component sees one model through the hook, and the same view until something changes", async () => {
  const seen: unknown[] = [];
  const { tell } = stillStage(<Probe onView={(view) => seen.push(view)} />);
  await tell(HELLO, snapshot("loading"));
  expect(screen.getByText("65")).toBeTruthy();
  const renders = seen.length;
  await tell(example("ping"));
  expect(seen).toHaveLength(renders);
});

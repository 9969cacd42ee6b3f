import { expect, test } from "vitest";
import { createReadinessStore, type InitState, type ModelState } from "../src/index.ts";
import { createFakeTime } from "../src/testing.ts";
import { snapshot } from "./examples.ts";

function stored() {
  const time = createFakeTime();
  const store = createReadinessStore(time);
  let heard = 0;
  store.subscribe(() => {
    heard += 1;
  });
  return { time, store, heard: () => heard };
}

function model(name: string, changes: Partial<ModelState> = {}): ModelState {
  return { ...snapshot("loading").models[0]!, name, ...changes };
}

/** Two models of which `small` is ready. */
function two(changes: Partial<InitState> = {}, small: Partial<ModelState> = {}): InitState {
  const ready = { phase: "ready", progress: 100, estimated_seconds: 0 } as const;
  const models = [model("minilm"), model("small", { ...ready, ...small })];
  return snapshot("loading", { scope: ["minilm", "small"], models, ...changes });
}

test("one model of several is ready before all are", () => {
  const { store } = stored();
  store.accept(two());
  expect(store.getView(["small"])).toMatchObject({
    ready: true,
    progress: 100,
    status: "ready",
    message: snapshot("ready").message,
    snapshot: { message_key: snapshot("ready").message_key },
  });
  expect(store.getView(["minilm"])).toMatchObject({ ready: false, progress: 65 });
  expect(store.isReady(["small"])).toBe(true);
});

test("nobody can tell of a model that the snapshot does not list", () => {
  const { store } = stored();
  store.accept(two());
  expect(store.isReady(["unheard"])).toBeNull();
  expect(store.isReady(["small", "unheard"])).toBeNull();
  expect(store.isReady([])).toBeNull();
});

test("a name given twice is one model", () => {
  const { store } = stored();
  store.accept(two());
  expect(store.isReady(["small", "small"])).toBe(true);
});

test("a list of many models keeps the view of each of them", () => {
  const { store } = stored();
  const names = Array.from({ length: 100 }, (_, index) => `model-${index}`);
  const models = names.map((name) => model(name));
  store.accept(snapshot("loading", { scope: names, models }));
  const views = names.map((name) => store.getView([name]));
  names.forEach((name, index) => void expect(store.getView([name])).toBe(views[index]));
});

test("a view is the same object until something in it changes, and only then is anybody told", () => {
  const { store, heard } = stored();
  store.accept(two({ seq: 5 }));
  const before = store.getView();
  const told = heard();
  store.accept(two({ seq: 5 }));
  store.accept(two({ seq: 4, progress: 10 }));
  store.tick();
  expect(store.getView()).toBe(before);
  expect(heard()).toBe(told);
  store.accept(two({ seq: 6 }));
  expect(store.getView()).not.toBe(before);
  expect(heard()).toBe(told + 1);
});

test("a change of the line is told to every scope", () => {
  const { store, heard } = stored();
  store.accept(two());
  store.getView(["small"]);
  const told = heard();
  const link = { state: "reconnecting", code: 1006, reason: "lost" } as const;
  store.setLink(link);
  expect([store.getView().link, store.getView(["small"]).link]).toEqual([link, link]);
  expect(heard()).toBe(told + 1);
});

test("while the link is stopped nobody knows whether anything is ready", () => {
  const { store } = stored();
  store.accept(snapshot("ready"));
  store.setLink({ state: "stopped", code: 4401, reason: "" });
  expect(store.isReady(null)).toBeNull();
});

test("a refusal speaks for its own models, and what is followed goes on from there", () => {
  const { store } = stored();
  // The followed scope lost a model twice; its part did not, and counts its own rounds.
  store.accept(two({ round: 3, seq: 20 }, { phase: "loading", progress: 40 }));
  const refusal = snapshot("loading", { scope: ["small"], models: [model("small")], round: 1, seq: 21 });
  store.acceptRefusal({ ...refusal, progress: 50 });
  expect(store.getView(["small"])).toMatchObject({ progress: 50, explanation: null });
  store.accept(two({ round: 3, seq: 22 }));
  expect(store.isReady(["small"])).toBe(true);
});

test("a refusal of another server does not silence the one that is followed", () => {
  const { store } = stored();
  store.accept(snapshot("loading", { epoch: "ours", seq: 5 }));
  store.acceptRefusal(snapshot("loading", { epoch: "other", seq: 9 }));
  store.accept(snapshot("ready", { epoch: "ours", seq: 6 }));
  expect(store.getView()).toMatchObject({ ready: true });
  expect(store.isReady(["minilm"])).toBe(true);
});

test("a refusal of a server's new life is followed by that life's news", () => {
  const { store } = stored();
  store.accept(two({ epoch: "a", round: 7, seq: 90 }));
  store.getView(["small"]);
  store.acceptRefusal(
    snapshot("loading", { epoch: "b", scope: ["small"], models: [model("small")], round: 1, seq: 1 }),
  );
  store.accept(two({ epoch: "b", round: 1, seq: 2 }, { phase: "loading", progress: 70 }));
  expect(store.getView(["small"])).toMatchObject({ progress: 70, explanation: "server_restarted" });
});

test("it says whether the clock alone can still change something", () => {
  const { store, time } = stored();
  expect(store.tick()).toBe(false);
  store.accept(snapshot("loading", { seq: 1, estimated_seconds: 9 }));
  expect(store.tick()).toBe(true);
  store.accept(snapshot("crash-loop", { seq: 2 }));
  expect(store.tick()).toBe(true);
  store.accept(snapshot("failed", { round: 2, seq: 3 }));
  time.jump(60_000);
  expect(store.tick()).toBe(false);
  store.accept(snapshot("stalled", { round: 2, seq: 4, estimated_seconds: null }));
  expect(store.tick()).toBe(true);
  store.accept(snapshot("ready", { round: 2, seq: 5 }));
  expect(store.tick()).toBe(false);
});

test("a clock that is set back raises no number that a tick has shown", () => {
  const { store, time } = stored();
  store.accept(snapshot("loading", { estimated_seconds: 30 }));
  time.jump(20_000);
  store.tick();
  time.jump(-15_000);
  store.tick();
  expect(store.getView().remaining).toEqual({ kind: "longer" });
});

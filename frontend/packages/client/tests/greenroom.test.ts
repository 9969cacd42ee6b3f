import { expect, test } from "vitest";
import { createGreenroom } from "../src/index.ts";
import { createFakeWorld, settle } from "../src/testing.ts";
import { example, snapshot } from "./examples.ts";

function started() {
  const world = createFakeWorld();
  const greenroom = createGreenroom({ url: "https://here/base/", clientId: "me", seams: world.seams });
  return { world, greenroom };
}

test("the socket's address follows the server's, path and encryption included", () => {
  const { world, greenroom } = started();
  greenroom.start();
  expect(world.socket().url).toBe("wss://here/base/ws/init/me");
});

test("the countdown moves between two snapshots", async () => {
  const { world, greenroom } = started();
  greenroom.start();
  world.socket().say(example("hello"));
  world.socket().say(snapshot("loading", { estimated_seconds: 30 }));
  const before = greenroom.store.getView();
  expect(greenroom.store.getView()).toBe(before);
  await world.time.advance(2_000);
  expect(greenroom.store.getView().remaining).toEqual({ kind: "seconds", seconds: 28 });
});

test("letting go and taking hold in one turn costs no socket, as under StrictMode", async () => {
  const { world, greenroom } = started();
  greenroom.retain()();
  const release = greenroom.retain();
  await world.time.advance(10);
  expect(world.sockets).toHaveLength(1);
  expect(world.socket().closedByClient).toBe(false);
  release();
  await world.time.advance(10);
  expect(world.socket().closedByClient).toBe(true);
});

test("a refused retry says the server's reason", async () => {
  const { world, greenroom } = started();
  world.answer = () => Response.json({ detail: "It has not failed." }, { status: 409 });
  const answer = expect(greenroom.retryModel("a/b")).rejects.toThrow("It has not failed.");
  await settle();
  await answer;
  expect(world.calls[0]).toMatchObject({
    url: "https://here/base/models/a%2Fb/retry",
    init: { method: "POST" },
  });
});

test("one model of several is ready before all are", () => {
  const { greenroom } = started();
  const [model] = snapshot("loading").models;
  const other = { ...model!, name: "small", phase: "ready" as const, progress: 100 };
  greenroom.store.accept(snapshot("loading", { scope: ["minilm", "small"], models: [model!, other] }));
  expect(greenroom.store.getView(["small"])).toMatchObject({ ready: true, progress: 100 });
  expect(greenroom.store.getView(["minilm"])).toMatchObject({ ready: false, progress: 65 });
  expect(greenroom.store.isReady(["small"])).toBe(true);
  expect(greenroom.store.isReady(["unheard"])).toBeNull();
});

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
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

test("it wakes four times a second while a number moves, and not at all while none does", async () => {
  const { world, greenroom } = started();
  greenroom.start();
  world.socket().say(example("hello"));
  world.socket().say(snapshot("ready"));
  await world.time.advance(500);
  // What is left is the link's one look at its socket.
  expect(world.time.pending()).toBe(1);
  world.socket().say(snapshot("loading", { seq: 90, round: 2, estimated_seconds: 30 }));
  expect(world.time.pending()).toBe(2);
  await world.time.advance(4_000);
  expect(greenroom.store.getView().remaining).toEqual({ kind: "seconds", seconds: 26 });
  expect(world.time.pending()).toBe(2);
  world.socket().say(snapshot("ready", { seq: 91, round: 2 }));
  await world.time.advance(500);
  expect(world.time.pending()).toBe(1);
});

test("stop takes every timer with it, also that of a holder who just let go", () => {
  const { world, greenroom } = started();
  const release = greenroom.retain();
  world.socket().say(example("hello"));
  world.socket().say(snapshot("loading", { estimated_seconds: 30 }));
  release();
  greenroom.stop();
  greenroom.store.accept(snapshot("loading", { seq: 99, estimated_seconds: 20 }));
  expect(world.time.pending()).toBe(0);
  expect(world.socket().closedByClient).toBe(true);
});

test("what waits in the queue keeps no timer after stop, and goes on with start", async () => {
  const { world, greenroom } = started();
  world.answer = () => new Response(null, { status: 429, headers: { "Retry-After": "5" } });
  const answer = greenroom.fetch("/embed");
  greenroom.start();
  await settle();
  greenroom.stop();
  expect(world.time.pending()).toBe(0);
  world.answer = () => new Response("done");
  greenroom.start();
  await world.time.advance(6_000);
  expect(await (await answer).text()).toBe("done");
});

test("a holder who lets go twice lets go once", async () => {
  const { world, greenroom } = started();
  const release = greenroom.retain();
  const other = greenroom.retain();
  release();
  release();
  await world.time.advance(10);
  expect(greenroom.link.status().state).toBe("connecting");
  other();
  await world.time.advance(10);
  expect(greenroom.link.status().state).toBe("stopped");
});

test("models of one's own choice are asked for on both roads", async () => {
  const world = createFakeWorld();
  const greenroom = createGreenroom({
    url: "https://here",
    clientId: "me",
    models: ["mini lm", "other"],
    seams: world.seams,
  });
  greenroom.start();
  expect(world.socket().url).toBe("wss://here/ws/init/me?models=mini%20lm,other");
  world.socket().drop(1006);
  await world.time.advance(400);
  expect(world.calls[0]?.url).toBe("https://here/status?models=mini%20lm,other");
});

test("every page has a label of its own, of signs that the server takes", () => {
  const labels = [0, 0.1, 0.123456789, 0.999999999].map((number) => {
    const world = createFakeWorld(() => number);
    createGreenroom({ url: "http://here", seams: world.seams }).start();
    return new URL(world.socket().url).pathname.replace("/ws/init/", "");
  });
  expect(new Set(labels).size).toBe(4);
  for (const label of labels) expect(label).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
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

test("the browser's own fetch, which is no other object's method, is called by itself", async () => {
  const world = createFakeWorld();
  const answered: string[] = [];
  async function fetch(this: unknown, input: string | URL): Promise<Response> {
    if (this !== undefined) throw new TypeError("Illegal invocation");
    answered.push(String(input));
    return Response.json({});
  }
  const greenroom = createGreenroom({ url: "http://here", seams: world.seams, fetch });
  greenroom.start();
  greenroom.link.resync();
  await world.time.advance(2_500);
  await greenroom.fetch("http://here/x", { method: "POST" });
  await greenroom.retryModel("minilm");
  greenroom.stop();
  expect(answered).toEqual(["http://here/status", "http://here/x", "http://here/models/minilm/retry"]);
});

describe("a listener that throws", () => {
  const oops = () => {
    throw new Error("A listener's mistake.");
  };
  let seen: unknown[];

  /** The page sees the mistake, as it sees any that nobody caught. */
  beforeEach(() => {
    seen = [];
    vi.stubGlobal("queueMicrotask", (callback: () => void) => {
      try {
        callback();
      } catch (error) {
        seen.push(error);
      }
    });
  });

  afterEach(() => {
    vi.unstubAllGlobals();
    expect(seen).not.toEqual([]);
  });

  test("to the store does not keep the link from starting, nor a refused request from waiting", async () => {
    const { world, greenroom } = started();
    greenroom.store.subscribe(oops);
    greenroom.start();
    expect(world.sockets).toHaveLength(1);
    world.answer = () => Response.json(snapshot("loading"), { status: 425 });
    void greenroom.fetch("/x", { method: "POST" });
    await settle();
    expect(greenroom.queue.list()).toMatchObject([{ state: "waiting" }]);
  });

  test("to the messages does not keep the page from leaving a server that drains", () => {
    const world = createFakeWorld();
    const greenroom = createGreenroom({ url: "https://here", seams: world.seams, onMessage: oops });
    greenroom.start();
    world.socket().say(example("draining"));
    expect(greenroom.link.status()).toMatchObject({ state: "reconnecting", code: 1012 });
  });
});

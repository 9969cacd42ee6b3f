import { describe, expect, test } from "vitest";
import { createReadyFetch, type LinkState } from "../src/index.ts";
import { createFakeWorld, settle } from "../src/testing.ts";

import { type Extras, LIMITS, LOADING, POST, READY, refusal, room, scripted } from "./ready-fetch-cases.ts";

test("an answer that is no refusal comes straight through", async () => {
  const { world, fetch, queue } = room();
  world.answer = () => new Response("hello", { status: 404 });
  expect(await (await fetch("/x")).text()).toBe("hello");
  expect(queue.list()).toHaveLength(0);
});

test("a refused request waits, and goes out by itself once its models are ready", async () => {
  const { fetch, queue, becomeReady, sent, names, world } = scripted();
  const answer = fetch("/p", { ...POST, label: "Preview" });
  await settle();
  expect(queue.list()).toMatchObject([
    { position: 1, label: "Preview", state: "waiting", scope: ["minilm"] },
  ]);
  await world.time.advance(60_000);
  expect(sent()).toBe(1);
  await becomeReady();
  expect(await (await answer).text()).toBe("done");
  expect(sent()).toBe(2);
  expect(names()).toEqual(["queued", "sent", "settled"]);
  expect(queue.list()).toHaveLength(0);
});

test.each([
  ["503 with a snapshot", () => refusal(503)],
  ["202 with a snapshot", () => refusal(202)],
  ["429 with Retry-After", () => new Response("{}", { status: 429, headers: { "Retry-After": "3" } })],
])("%s waits too", async (_name, answer) => {
  const { world, store, fetch, queue } = room();
  store.accept(LOADING);
  world.answer = answer;
  void fetch("/p", POST).catch(() => {});
  await settle();
  expect(queue.list()).toHaveLength(1);
});

test.each([
  ["503 without a snapshot", () => new Response("{}", { status: 503, headers: { "Retry-After": "1" } })],
  ["429 without Retry-After", () => new Response("{}", { status: 429 })],
  ["202 with a job", () => Response.json({ job_uuid: "x" }, { status: 202 })],
])("%s belongs to the caller, body unread", async (_name, answer) => {
  const { world, fetch } = room();
  world.answer = answer;
  expect((await fetch("/p", POST)).bodyUsed).toBe(false);
});

test("a proxy whose server is away is asked again, when a second run does no harm", async () => {
  const { world, fetch, sent } = room();
  const away = () => new Response("{}", { status: 503, headers: { "Retry-After": "2" } });
  const answers = [away, away, () => new Response("done")];
  world.answer = () => answers.shift()!();
  const answer = fetch("/p", { ...POST, idempotent: true });
  await world.time.advance(1_900);
  expect(sent()).toBe(1);
  await world.time.advance(60_000);
  expect(await (await answer).text()).toBe("done");
  expect(sent()).toBe(3);
});

test("a ready that came between the refusal and the queue loses nothing", async () => {
  const { world, store, fetch } = room();
  store.accept(LOADING);
  let calls = 0;
  world.answer = () => {
    calls += 1;
    if (calls > 1) return new Response("done");
    store.accept(READY);
    return refusal();
  };
  const answer = fetch("/p", POST);
  await world.time.advance(1);
  expect(await (await answer).text()).toBe("done");
});

test("models that the line does not follow are asked for by the clock", async () => {
  const { world, store, fetch } = room();
  store.accept(LOADING);
  const other = {
    ...LOADING,
    scope: ["other"],
    models: LOADING.models.map((model) => ({ ...model, name: "other" })),
  };
  const answers = [() => refusal(425, other), () => new Response("done")];
  world.answer = () => answers.shift()!();
  const answer = fetch("/p", POST);
  await world.time.advance(3_900);
  expect(world.calls).toHaveLength(1);
  await world.time.advance(200);
  expect(await (await answer).text()).toBe("done");
});

test("a request that becomes due while the queue looks is not overlooked", async () => {
  const world = createFakeWorld();
  // Browsers fire timers up to a millisecond early; here the clock ticks after it was read twice.
  let early = 0;
  const clock = { now: () => world.time.now() - (early-- > 0 ? 1 : 0) };
  const timers = {
    ...world.time.timers,
    set: (callback: () => void, milliseconds: number) =>
      world.time.timers.set(() => {
        early = 2;
        callback();
      }, milliseconds),
  };
  const { fetch } = createReadyFetch({ seams: { ...world.seams, clock, timers }, limits: LIMITS });
  const answer = fetch("/x");
  await settle();
  world.answer = () => new Response("done");
  await world.time.advance(2_000);
  expect(world.calls).toHaveLength(2);
  expect((await answer).ok).toBe(true);
});

test("without a store of snapshots the server's Retry-After alone decides", async () => {
  const world = createFakeWorld();
  const { fetch } = createReadyFetch({ seams: world.seams, limits: LIMITS });
  const answers = [
    () => new Response("{}", { status: 429, headers: { "Retry-After": "3" } }),
    () => new Response("done"),
  ];
  world.answer = () => answers.shift()!();
  const answer = fetch("/p", POST);
  await world.time.advance(2_900);
  expect(world.calls).toHaveLength(1);
  await world.time.advance(200);
  expect(world.calls).toHaveLength(2);
  expect(await (await answer).text()).toBe("done");
});

test("a server that says ready and refuses again is not hammered", async () => {
  const { world, store, fetch, sent } = room();
  store.accept(READY);
  world.answer = () => refusal(425, { ...LOADING, seq: 3 });
  void fetch("/p", POST).catch(() => {});
  await world.time.advance(10_000);
  expect(sent()).toBeLessThan(9);
});

describe("a connection that broke", () => {
  function broken(extras: Extras = {}) {
    const all = scripted({}, extras);
    const waitThenBreak = async () => {
      await settle();
      all.world.answer = () => Promise.reject(new TypeError("network"));
      all.store.accept(READY);
      await all.world.time.advance(120_000);
    };
    return { ...all, waitThenBreak };
  }

  /** A line as the link tells of it. */
  const line = (state: LinkState) => ({ state, code: 0, reason: "" });

  test("waits for the line, spending no attempt while the server is away, and goes out as soon as it is back", async () => {
    const { world, store, fetch, sent } = room();
    store.setLink(line("live"));
    store.accept(READY);
    world.answer = () => Promise.reject(new TypeError("network"));
    const answer = fetch("/p", { ...POST, idempotent: true });
    store.setLink(line("reconnecting"));
    await world.time.advance(300_000);
    const tries = sent();
    expect(tries).toBeLessThanOrEqual(2);
    world.answer = () => new Response("done");
    store.setLink(line("live"));
    await world.time.advance(5_000);
    expect(await (await answer).text()).toBe("done");
    expect(sent()).toBe(tries + 1);
  });

  test("lengthens no pause once the server refuses again: ready sends it at once", async () => {
    const { world, store, fetch, sent } = room();
    world.answer = () => Promise.reject(new TypeError("network"));
    const answer = fetch("/p", { ...POST, idempotent: true });
    while (sent() < 4) await world.time.advance(100);
    world.answer = () => refusal();
    while (sent() < 5) await world.time.advance(100);
    store.accept(LOADING);
    world.answer = () => new Response("done");
    store.accept({ ...READY, seq: LOADING.seq + 1 });
    await world.time.advance(1);
    expect(await (await answer).text()).toBe("done");
  });

  test("is never repeated for a POST: the handler may have run", async () => {
    const { fetch, waitThenBreak, sent } = broken();
    const answer = expect(fetch("/p", POST)).rejects.toThrow("network");
    await waitThenBreak();
    await answer;
    expect(sent()).toBe(2);
  });

  test("is repeated a few times when the caller calls the request idempotent", async () => {
    const { fetch, waitThenBreak, sent } = broken();
    const answer = expect(fetch("/p", { ...POST, idempotent: true })).rejects.toThrow("network");
    await waitThenBreak();
    await answer;
    expect(sent()).toBe(6);
  });

  const KEYED = { ...POST, headers: { "Idempotency-Key": "k" } };

  test("is repeated for an Idempotency-Key that the server behind this URL honours", async () => {
    const { fetch, waitThenBreak, sent } = broken({
      honoursIdempotencyKey: (url) => url.startsWith("/jobs"),
    });
    const answer = expect(fetch("/jobs", KEYED)).rejects.toThrow("network");
    await waitThenBreak();
    await answer;
    expect(sent()).toBe(6);
  });

  test("is not repeated for an Idempotency-Key that nobody honours", async () => {
    const { fetch, waitThenBreak, sent } = broken({
      honoursIdempotencyKey: (url) => url.startsWith("/jobs"),
    });
    const answer = expect(fetch("/other", KEYED)).rejects.toThrow("network");
    await waitThenBreak();
    await answer;
    expect(sent()).toBe(2);
  });
});

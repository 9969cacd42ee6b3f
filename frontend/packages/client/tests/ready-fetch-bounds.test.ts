import { describe, expect, test } from "vitest";
import { settle } from "../src/testing.ts";
import { LOADING, POST, READY, refusal, room, scripted } from "./ready-fetch-cases.ts";

describe("bounds", () => {
  test("one that is given as undefined is the default, not none", async () => {
    const { fetch, becomeReady, sent } = scripted({
      maxConcurrent: undefined,
      maxCount: undefined,
    } as object);
    const answers = Array.from({ length: 50 }, () => fetch("/a", POST));
    await settle();
    await expect(fetch("/b", POST)).rejects.toMatchObject({ code: "too_many" });
    await becomeReady();
    await Promise.all(answers.slice(0, 2));
    expect(sent()).toBeGreaterThan(51);
  });

  test("one request too many is refused visibly", async () => {
    const { fetch, names } = scripted({ maxCount: 1 });
    void fetch("/a", POST).catch(() => {});
    await settle();
    await expect(fetch("/b", POST)).rejects.toMatchObject({ code: "too_many", response: { status: 425 } });
    expect(names()).toEqual(["queued", "refused"]);
  });

  test("bodies that are too large together are refused", async () => {
    const { fetch } = scripted({ maxBytes: 3 });
    await expect(fetch("/a", { method: "POST", body: "four" })).rejects.toMatchObject({ code: "too_big" });
  });

  test("a body that can be read once only cannot wait", async () => {
    const { fetch } = scripted();
    const body = new ReadableStream();
    await expect(fetch("/a", { method: "POST", body })).rejects.toMatchObject({ code: "not_replayable" });
  });

  test("a request that waited too long is given up, and never sent", async () => {
    const { fetch, world, becomeReady, sent, names } = scripted();
    const answer = expect(fetch("/a", { ...POST, deadlineMs: 5_000 })).rejects.toMatchObject({
      code: "expired",
    });
    await world.time.advance(5_001);
    await answer;
    await becomeReady();
    expect(sent()).toBe(1);
    expect(names()).toContain("expired");
  });

  test("at most two go out at once, in the order in which they came", async () => {
    const { fetch, queue, store, world } = scripted({ maxConcurrent: 2 });
    const answers = ["/a", "/b", "/c"].map((url) => fetch(url, POST));
    await settle();
    expect(queue.list().map(({ url }) => url)).toEqual(["/a", "/b", "/c"]);
    const open: (() => void)[] = [];
    world.answer = (url) => new Promise((resolve) => open.push(() => resolve(new Response(url))));
    world.calls.length = 0;
    store.accept(READY);
    await world.time.advance(1);
    expect(world.calls.map(({ url }) => url)).toEqual(["/a", "/b"]);
    open[0]!();
    await world.time.advance(1);
    expect(world.calls.map(({ url }) => url)).toEqual(["/a", "/b", "/c"]);
    open.slice(1).forEach((answer) => void answer());
    await world.time.advance(1);
    expect(await Promise.all(answers.map(async (answer) => (await answer).text()))).toEqual([
      "/a",
      "/b",
      "/c",
    ]);
  });
});

test("a cancelled request is never sent", async () => {
  const { fetch, queue, becomeReady, sent } = scripted();
  const answer = expect(fetch("/a", POST)).rejects.toMatchObject({ code: "cancelled" });
  await settle();
  expect(queue.cancel(queue.list()[0]!.id)).toBe(true);
  await answer;
  await becomeReady();
  expect(sent()).toBe(1);
  expect(queue.cancel("q1")).toBe(false);
});

test("the caller's own abort takes the request out of the queue", async () => {
  const { fetch, queue, becomeReady, sent } = scripted();
  const abort = new AbortController();
  const answer = expect(fetch("/a", { ...POST, signal: abort.signal })).rejects.toThrow("left");
  await settle();
  abort.abort(new Error("left"));
  await answer;
  expect(queue.list()).toHaveLength(0);
  await becomeReady();
  expect(sent()).toBe(1);
});

test("whoever hears of a request may stop the queue: nothing more goes out, and no timer stays", async () => {
  const { world, store, queue, fetch, stop, start } = room();
  store.accept(LOADING);
  world.answer = () => refusal();
  for (const path of ["/a", "/b"]) void fetch(path, { ...POST, deadlineMs: 60_000 });
  await settle();
  const unsubscribe = queue.subscribe(stop);
  world.answer = () => new Response("done");
  store.accept(READY);
  await world.time.advance(1_000);
  expect(world.calls.map(({ url }) => url)).toEqual(["/a", "/b", "/a"]);
  expect(world.time.pending()).toBe(0);
  unsubscribe();
  start();
  await settle();
  expect(world.calls.map(({ url }) => url)).toEqual(["/a", "/b", "/a", "/b"]);
});

test("a wall clock that is set back an hour makes no request, and no deadline, an hour later", async () => {
  const { world, fetch, becomeReady } = scripted();
  const answer = fetch("/a", POST);
  const late = fetch("/b", { ...POST, deadlineMs: 5_000 }).catch((error) => error.code);
  world.answer = (url) => (url === "/b" ? refusal() : new Response("done"));
  await settle();
  world.time.jump(-3_600_000);
  // When the clock was set nobody knows: at worst the time since the last look counts twice.
  await world.time.advance(10_000);
  expect(await late).toBe("expired");
  await becomeReady();
  expect(await (await answer).text()).toBe("done");
});

test("a server that asks for an hour is not asked again before, and the wait ends with the queue's bounds", async () => {
  const { world, fetch, sent } = room({ maxAgeMs: 600_000 });
  world.answer = () => new Response("{}", { status: 429, headers: { "Retry-After": "3600" } });
  const answer = fetch("/a", POST).catch((error) => error.code);
  await world.time.advance(600_000);
  expect(await answer).toBe("expired");
  expect(sent()).toBe(1);
});

test("a date that a wrong clock puts hours away is waited for a minute", async () => {
  const { world, fetch, sent } = room();
  const far = new Date(world.time.now() + 7_200_000).toUTCString();
  world.answer = () => new Response("{}", { status: 429, headers: { "Retry-After": far } });
  void fetch("/a", POST);
  await world.time.advance(60_000);
  expect(sent()).toBe(2);
});

test("an accepted stream belongs to the caller at once, however long it goes on", async () => {
  const { world, fetch } = room();
  const headers = { "Content-Type": "text/event-stream" };
  world.answer = () => new Response(new ReadableStream(), { status: 202, headers });
  const answer = fetch("/a", POST);
  expect((await answer).status).toBe(202);
});

import { describe, expect, test } from "vitest";
import {
  createGreenroom,
  createReadinessStore,
  createReadyFetch,
  QueueError,
  type QueueEvent,
} from "../src/index.ts";
import { createFakeWorld, settle } from "../src/testing.ts";
import { snapshot } from "./examples.ts";
import { settleStorage as turns } from "./persist-world.ts";

const POST = { method: "POST", body: "{}" };
const refusal = () => Response.json(snapshot("loading"), { status: 425 });

function room() {
  const world = createFakeWorld();
  const store = createReadinessStore(world.time);
  store.accept(snapshot("loading"));
  const events: QueueEvent[] = [];
  const made = createReadyFetch({
    seams: world.seams,
    readiness: store,
    limits: { spreadMs: 0 },
    onEvent: (event) => events.push(event),
  });
  world.answer = refusal;
  const becomeReady = async () => {
    world.answer = (url) => new Response(url);
    store.accept(snapshot("ready"));
    await world.time.advance(1);
  };
  const urls = () => world.calls.map(({ url }) => url);
  return { ...made, world, store, events, becomeReady, urls };
}

describe("requests with one key", () => {
  test("go out one after another already at their first attempt", async () => {
    const { fetch, world, urls, queue } = room();
    const open: (() => void)[] = [];
    world.answer = (url) => new Promise((resolve) => open.push(() => resolve(new Response(url))));
    void fetch("/a", { ...POST, orderKey: "k" });
    const second = fetch("/b", { ...POST, orderKey: "k" });
    void fetch("/c", POST);
    await settle();
    expect(urls()).toEqual(["/a", "/c"]);
    expect(queue.list()).toMatchObject([{ url: "/b", state: "waiting", orderKey: "k" }]);
    open[0]!();
    await settle();
    expect(urls()).toEqual(["/a", "/c", "/b"]);
    open[2]!();
    expect(await (await second).text()).toBe("/b");
  });

  test("keep their order when the first of them is refused", async () => {
    const { fetch, becomeReady, urls, queue } = room();
    for (const url of ["/a", "/b", "/c"]) void fetch(url, { ...POST, orderKey: "k" });
    await settle();
    expect(urls()).toEqual(["/a"]);
    expect(queue.list().map(({ url }) => url)).toEqual(["/a", "/b", "/c"]);
    await becomeReady();
    expect(urls()).toEqual(["/a", "/a", "/b", "/c"]);
  });

  test("are not held up by one that was cancelled", async () => {
    const { fetch, queue, becomeReady, urls } = room();
    fetch("/a", { ...POST, orderKey: "k" }).catch(() => {});
    void fetch("/b", { ...POST, orderKey: "k" });
    await settle();
    queue.cancel(queue.list()[0]!.id);
    await becomeReady();
    expect(urls()).toEqual(["/a", "/b"]);
  });
});

describe("a deadline", () => {
  test("also ends a first attempt that is under way", async () => {
    const { fetch, world } = room();
    world.answer = () => new Promise(() => {});
    const answer = expect(fetch("/a", { ...POST, deadlineMs: 2_000 })).rejects.toMatchObject({
      code: "expired",
    });
    await world.time.advance(2_001);
    await answer;
    expect(world.calls[0]!.init!.signal!.aborted).toBe(true);
    expect(world.time.pending()).toBe(0);
  });

  test("counts from the call, the time under way included", async () => {
    const { fetch, world, queue } = room();
    let refuse = () => {};
    world.answer = () => new Promise((resolve) => (refuse = () => resolve(refusal())));
    const answer = expect(fetch("/a", { ...POST, deadlineMs: 5_000 })).rejects.toMatchObject({
      code: "expired",
    });
    await world.time.advance(4_000);
    refuse();
    await settle();
    expect(queue.list()).toHaveLength(1);
    await world.time.advance(1_001);
    await answer;
  });
});

describe("a Request object", () => {
  test("waits with its body, headers and method", async () => {
    const { fetch, becomeReady, world } = room();
    const request = new Request("http://server/a", {
      method: "PUT",
      body: "text",
      headers: { "X-One": "1" },
    });
    const answer = fetch(request);
    await turns();
    await becomeReady();
    expect((await answer).status).toBe(200);
    const { url, init } = world.calls.at(-1)!;
    expect([url, init!.method, new Headers(init!.headers).get("X-One")]).toEqual([
      "http://server/a",
      "PUT",
      "1",
    ]);
    expect(await new Response(init!.body).text()).toBe("text");
  });

  test("whose body was read already is refused with a reason, and never sent", async () => {
    const { fetch, world, events } = room();
    const request = new Request("http://server/a", POST);
    await request.text();
    await expect(fetch(request)).rejects.toMatchObject({ code: "not_replayable" });
    expect(world.calls).toHaveLength(0);
    expect(events).toMatchObject([{ name: "refused", reason: "not_replayable" }]);
  });

  test("of GET has no body, and goes by its own signal", async () => {
    const { fetch, world } = room();
    const abort = new AbortController();
    const answer = fetch(new Request("http://server/a", { signal: abort.signal }));
    const outcome = expect(answer).rejects.toThrow();
    await turns();
    expect(world.calls[0]!.init!.body ?? null).toBeNull();
    abort.abort();
    await outcome;
  });
});

test("what the caller changes after the call does not change what is sent", async () => {
  const { fetch, becomeReady, world } = room();
  const fields = new URLSearchParams({ a: "1" });
  const bytes = new Uint8Array([49]);
  const form = new FormData();
  form.set("a", "1");
  for (const body of [fields, bytes, form]) void fetch("/a", { method: "POST", body });
  await settle();
  fields.set("a", "2");
  bytes[0] = 50;
  form.set("a", "2");
  world.calls.length = 0;
  await becomeReady();
  await world.time.advance(1);
  const sent = world.calls.map(({ init }) => init!.body);
  expect(String(sent[0])).toBe("a=1");
  expect(await new Response(sent[1]).text()).toBe("1");
  expect((sent[2] as FormData).get("a")).toBe("1");
});

test("cancelAll gives up everything that waits, and tells each", async () => {
  const { fetch, queue, events } = room();
  const answers = ["/a", "/b"].map((url) => expect(fetch(url, POST)).rejects.toBeInstanceOf(QueueError));
  await settle();
  const { cancelAll } = queue;
  cancelAll();
  await Promise.all(answers);
  expect(queue.list()).toEqual([]);
  expect(events.filter(({ name }) => name === "cancelled")).toHaveLength(2);
});

test("stop keeps what waits and holds no timer; start goes on with it", async () => {
  const { fetch, queue, start, stop, world, becomeReady } = room();
  const answer = fetch("/a", POST);
  await settle();
  stop();
  expect(world.time.pending()).toBe(0);
  await becomeReady();
  expect(world.calls).toHaveLength(1);
  expect(queue.list()).toHaveLength(1);
  start();
  expect((await answer).status).toBe(200);
});

test("what is under way while the queue stops comes to its end", async () => {
  const { fetch, stop, world } = room();
  let reply = () => {};
  world.answer = () => new Promise((resolve) => (reply = () => resolve(new Response("done"))));
  const answer = fetch("/a", POST);
  await settle();
  stop();
  reply();
  expect(await (await answer).text()).toBe("done");
});

test("a greenroom that is stopped has no timer left, its queue's included", async () => {
  const world = createFakeWorld();
  const greenroom = createGreenroom({ url: "http://server", seams: world.seams });
  world.answer = refusal;
  greenroom.start();
  void greenroom.fetch("/a", POST);
  await world.time.advance(300);
  greenroom.stop();
  await settle();
  expect(world.time.pending()).toBe(0);
  expect(greenroom.queue.list()).toHaveLength(1);
});

test("a listener that throws does not stop the queue", async () => {
  const { fetch, queue, becomeReady } = room();
  const seen: unknown[] = [];
  const catchIt = (error: unknown) => void seen.push(error);
  process.once("uncaughtException", catchIt);
  const others = process.listeners("uncaughtException").filter((other) => other !== catchIt);
  for (const other of others) process.off("uncaughtException", other);
  const unsubscribe = queue.subscribe(() => {
    unsubscribe();
    throw new Error("mine");
  });
  const answer = fetch("/a", POST);
  await turns();
  for (const other of others) process.on("uncaughtException", other);
  await becomeReady();
  expect((await answer).status).toBe(200);
  expect(seen).toMatchObject([{ message: "mine" }]);
});

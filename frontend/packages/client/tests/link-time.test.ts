import { expect, test } from "vitest";
import { CLOSE_CODES, closeVerdict, createLink } from "../src/index.ts";
import { patienceMs } from "../src/patience.ts";
import { createFakeWorld, settle } from "../src/testing.ts";
import { snapshot } from "./examples.ts";
import { linked, live, polls, STATUS } from "./link-cases.ts";

test("a wall clock that was set back does not keep a dead line alive", async () => {
  const { world, states } = live("loading");
  world.time.jump(-3_600_000);
  await world.time.advance(10_000);
  expect(states()).toContain("reconnecting");
});

test("a sleep is noticed within five seconds of waking, page event or not", async () => {
  const { world, states } = live("ready");
  await world.time.advance(3_000);
  world.time.jump(3_600_000);
  await world.time.advance(5_000);
  expect(states()).toContain("reconnecting");
});

test("a quiet ready page wakes once in five seconds at most", async () => {
  const { world } = live("ready");
  const { timers } = world.seams;
  let woken = 0;
  const set = timers.set;
  timers.set = (callback, milliseconds) =>
    set(() => {
      woken += 1;
      callback();
    }, milliseconds);
  for (let beat = 0; beat < 6; beat += 1) {
    await world.time.advance(10_000);
    world.socket().say({ type: "ping", at: "2026-11-21T03:10:22.104Z" });
  }
  expect(woken).toBeLessThanOrEqual(12);
  expect(woken).toBeGreaterThan(0);
});

test("an answer that never comes is given up after five seconds, and asked for again", async () => {
  const { world } = live();
  world.answer = () => new Promise(() => {});
  world.socket().drop(CLOSE_CODES.LOST);
  await world.time.advance(7_000);
  expect(polls(world)).toBe(2);
  expect(world.calls[0]?.init?.signal?.aborted).toBe(true);
});

test("whoever stops the link while being told of its start finds it stopped", async () => {
  const world = createFakeWorld();
  const link = createLink({
    socketUrl: "ws://here/ws/init/t",
    statusUrl: "http://here/status",
    seams: world.seams,
    onSnapshot: () => {},
    onStatus: () => link.stop(),
  });
  link.start();
  expect(world.sockets).toHaveLength(0);
  expect(world.time.pending()).toBe(0);
});

test("an unknown close code is a lost line", () => expect(closeVerdict(4999)).toBe("reconnect"));

test("a draining server is left alone for as long as it asked", async () => {
  const { world } = live();
  world.socket().say({ type: "draining", reconnect_in_ms: 3_000 });
  world.socket().drop(CLOSE_CODES.SERVICE_RESTART);
  await world.time.advance(2_900);
  expect(world.sockets).toHaveLength(1);
  await world.time.advance(200);
  expect(world.sockets).toHaveLength(2);
});

test("five silent seconds while loading are a dead line; while ready they are not", async () => {
  const loading = live("loading");
  await loading.world.time.advance(7_000);
  expect(loading.states()).toContain("reconnecting");
  const ready = live("ready");
  await ready.world.time.advance(21_000);
  expect(ready.state()).toBe("live");
  await ready.world.time.advance(3_000);
  expect(ready.states()).toContain("reconnecting");
});

test("a failed model is given the patience of heartbeats, for nothing else is promised", () => {
  expect(patienceMs(snapshot("failed"), 10_000)).toBe(22_000);
  expect(patienceMs(snapshot("crash-loop"), 10_000)).toBe(22_000);
  expect(patienceMs(snapshot("loading"), 10_000)).toBe(5_000);
});

test("a page that comes back after a sleep opens a new line at once", () => {
  const { world } = live("ready");
  world.time.jump(3_600_000);
  world.pageChanged();
  expect(world.sockets).toHaveLength(2);
  expect(world.sockets[0]?.closedByClient).toBe(true);
});

test("the pageshow of the first load does not disturb a young attempt", () => {
  const { world, link } = linked();
  link.start();
  world.pageChanged();
  expect(world.sockets).toHaveLength(1);
});

test("what an abandoned socket still says is not heard", async () => {
  const { world, snapshots, link } = live();
  const old = world.socket();
  link.stop();
  const heard = snapshots.length;
  old.say(snapshot("ready"));
  old.drop(CLOSE_CODES.LOST);
  await world.time.advance(30_000);
  expect(snapshots).toHaveLength(heard);
  expect(world.sockets).toHaveLength(1);
});

test("a network that comes back without a word is found by asking", async () => {
  const { world, state } = live("ready");
  world.online = false;
  world.pageChanged();
  await settle();
  world.answer = () => Response.json(STATUS);
  await world.time.advance(1_000);
  expect(state()).toBe("polling");
});

test("stop gives up the question that is out, and no longer listens to the page", async () => {
  const { world, link } = live();
  let listeners = 0;
  const { page } = world.seams;
  const subscribe = page.subscribe;
  page.subscribe = (onChange) => {
    const unsubscribe = subscribe(onChange);
    listeners += 1;
    return () => {
      listeners -= 1;
      unsubscribe();
    };
  };
  link.stop();
  link.start();
  expect(listeners).toBe(1);
  world.answer = () => new Promise(() => {});
  world.socket().drop(CLOSE_CODES.LOST);
  await world.time.advance(400);
  link.stop();
  expect(listeners).toBe(0);
  expect(world.calls[0]?.init?.signal?.aborted).toBe(true);
});

test("stop, start, stop leaves no timer and no socket", () => {
  const { world, link } = linked();
  link.start();
  link.stop();
  link.start();
  link.stop();
  expect(world.time.pending()).toBe(0);
  expect(world.calls).toHaveLength(0);
  expect(world.sockets.every(({ closedByClient }) => closedByClient)).toBe(true);
});

test("reconnects back off with full jitter between nothing and twenty seconds", async () => {
  const world = createFakeWorld(() => 0.999);
  const { link } = linked(world);
  link.start();
  const gaps: number[] = [];
  for (let turn = 0; turn < 9; turn += 1) {
    const opened = world.sockets.length;
    const from = world.time.now();
    world.socket().drop(CLOSE_CODES.LOST);
    while (world.sockets.length === opened) await world.time.advance(50);
    gaps.push(world.time.now() - from);
  }
  expect(gaps[0]).toBeLessThanOrEqual(550);
  expect(gaps[3]).toBeGreaterThan(3_500);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(20_100);
});

import { describe, expect, test } from "vitest";
import {
  CLOSE_CODES,
  closeVerdict,
  createLink,
  type InitState,
  type LinkStatus,
  nextLinkState,
} from "../src/index.ts";
import { LINK_TABLE, type LinkEvent, type LinkState } from "../src/link-table.ts";
import { patienceMs } from "../src/patience.ts";
import { createFakeWorld, type FakeWorld } from "../src/testing.ts";
import { example, snapshot } from "./examples.ts";

const STATUS = { server: "greenroom/0", uptime_seconds: 1, snapshot: snapshot("loading") };

function linked(world: FakeWorld = createFakeWorld()) {
  const snapshots: InitState[] = [];
  const statuses: LinkStatus[] = [];
  const link = createLink({
    socketUrl: "ws://here/ws/init/t",
    statusUrl: "http://here/status",
    seams: world.seams,
    onSnapshot: (next) => snapshots.push(next),
    onStatus: (status) => statuses.push(status),
  });
  return {
    world,
    link,
    snapshots,
    states: () => statuses.map(({ state }) => state),
    state: () => link.status().state,
  };
}

function live(name = "loading") {
  const all = linked();
  all.link.start();
  all.world.socket().say(example("hello"));
  all.world.socket().say(snapshot(name));
  return all;
}

const polls = (world: FakeWorld) => world.calls.filter(({ url }) => url.endsWith("/status")).length;

describe("the table", () => {
  test("an illegal event raises, naming state and event", () => {
    expect(() => nextLinkState("idle", "frame")).toThrow(/"frame" while idle/);
  });

  test("every state can be stopped, and a stopped link can start again", () => {
    for (const state of Object.keys(LINK_TABLE) as LinkState[]) expect(LINK_TABLE[state].stop).toBeDefined();
    expect(LINK_TABLE.stopped.start).toBe("connecting");
  });

  test("every state but stopped can be reached from idle", () => {
    const reached = new Set<LinkState>(["idle"]);
    for (const state of reached) {
      for (const event of Object.keys(LINK_TABLE[state]) as LinkEvent[])
        reached.add(nextLinkState(state, event));
    }
    expect([...reached].sort()).toEqual(Object.keys(LINK_TABLE).sort());
  });
});

test("the first frame makes the link live, and starting twice opens one socket", () => {
  const { link, world, state } = live();
  link.start();
  expect(state()).toBe("live");
  expect(world.sockets).toHaveLength(1);
});

test("without a first frame in two seconds it polls, and a late first frame takes over", async () => {
  const { world, link, snapshots, state } = linked();
  world.answer = () => Response.json(STATUS);
  link.start();
  await world.time.advance(1_900);
  expect(polls(world)).toBe(0);
  await world.time.advance(1_200);
  expect(state()).toBe("polling");
  expect(snapshots[0]?.progress).toBe(65);
  world.socket().say(example("hello"));
  expect(state()).toBe("live");
  const before = polls(world);
  await world.time.advance(4_000);
  expect(polls(world)).toBe(before);
});

test("a lost socket is polled beside and opened again", async () => {
  const { world, state } = live();
  world.answer = () => Response.json(STATUS);
  world.socket().drop(CLOSE_CODES.LOST);
  expect(state()).toBe("reconnecting");
  await world.time.advance(1_000);
  expect(state()).toBe("polling");
  expect(world.sockets.length).toBeGreaterThan(1);
});

test("polls come at once and then after about 1, 2 and always 5 seconds", async () => {
  const { world } = live();
  const at: number[] = [];
  world.answer = () => {
    at.push(world.time.now());
    return Response.json(STATUS);
  };
  const lost = world.time.now();
  world.socket().drop(CLOSE_CODES.LOST);
  await world.time.advance(15_000);
  // Random stands at one half: each step is three quarters of its length, the first half of its 400 ms.
  expect(at.slice(0, 4).map((moment) => moment - lost)).toEqual([200, 950, 2_450, 6_200]);
});

test("a failed poll says reconnecting online and offline without a network", async () => {
  const { world, state } = live();
  world.online = false;
  world.socket().drop(CLOSE_CODES.LOST);
  await world.time.advance(1_000);
  expect(state()).toBe("offline");
  world.online = true;
  await world.time.advance(3_000);
  expect(state()).toBe("reconnecting");
});

test.each([CLOSE_CODES.NOT_AUTHORISED, CLOSE_CODES.MALFORMED, CLOSE_CODES.TOO_BIG, CLOSE_CODES.FINISHED])(
  "close code %i stops the link for good, and says why",
  async (code) => {
    const { world, link, state } = live();
    world.socket().drop(code, "because");
    await world.time.advance(60_000);
    expect(state()).toBe("stopped");
    expect(link.status()).toMatchObject({ code, reason: "because" });
    expect(world.sockets).toHaveLength(1);
    expect(polls(world)).toBe(0);
  },
);

test("too many connections: the next attempt waits at least five seconds", async () => {
  const { world } = live();
  world.socket().drop(CLOSE_CODES.TOO_MANY);
  await world.time.advance(4_900);
  expect(world.sockets).toHaveLength(1);
  await world.time.advance(1_000);
  expect(world.sockets).toHaveLength(2);
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

test("stop, start, stop leaves no timer that polls or connects", async () => {
  const { world, link } = linked();
  link.start();
  link.stop();
  link.start();
  link.stop();
  const before = world.sockets.length;
  await world.time.advance(60_000);
  expect(world.sockets).toHaveLength(before);
  expect(world.calls).toHaveLength(0);
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

import { describe, expect, test } from "vitest";
import { CLOSE_CODES, nextLinkState } from "../src/index.ts";
import { LINK_TABLE, type LinkEvent, type LinkState } from "../src/link-table.ts";
import { createFakeWorld, settle } from "../src/testing.ts";
import { example } from "./examples.ts";
import { linked, live, polls, STATUS } from "./link-cases.ts";

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

test("a lost socket is asked after by HTTP at once, thousands of pages within 0.4 s of each other", async () => {
  for (const random of [0, 0.999]) {
    const { world } = live(
      "loading",
      createFakeWorld(() => random),
    );
    world.answer = () => Response.json(STATUS);
    world.socket().drop(CLOSE_CODES.TOO_SLOW);
    await world.time.advance(400);
    expect(polls(world)).toBe(1);
  }
});

test("a hidden page polls every half a minute, and at once when it is looked at", async () => {
  const { world } = live();
  world.answer = () => Response.json(STATUS);
  world.hidden = true;
  world.seams.openSocket = () => {
    throw new Error("no sockets here");
  };
  world.socket().drop(CLOSE_CODES.LOST);
  await world.time.advance(1_000);
  expect(polls(world)).toBe(1);
  await world.time.advance(60_000);
  expect(polls(world)).toBe(3);
  world.hidden = false;
  world.pageChanged();
  expect(polls(world)).toBe(4);
});

test("what a server says before it closes is the reason", () => {
  const { world, link } = live();
  world.socket().say({ type: "error", code: "not-authorised", message: "Who are you?" });
  world.socket().drop(CLOSE_CODES.NOT_AUTHORISED);
  expect(link.status()).toEqual({ state: "stopped", code: 4401, reason: "Who are you?" });
});

test("a model that the server does not know stops the link, with the server's words, for good", async () => {
  const { world, link, states } = linked();
  world.answer = () =>
    Response.json(
      { type: "/problems/unknown-model", detail: "There is no model named 'x'." },
      { status: 404 },
    );
  link.start();
  world.socket().drop(CLOSE_CODES.LOST);
  await world.time.advance(600_000);
  expect(link.status()).toEqual({ state: "stopped", code: 4404, reason: "There is no model named 'x'." });
  expect(states()).toEqual(["connecting", "reconnecting", "stopped"]);
  expect(polls(world)).toBe(1);
  expect(world.time.pending()).toBe(0);
});

test("any other 404 is a server that does not answer yet: a proxy says it while a server starts", async () => {
  const { world, state } = live();
  world.answer = () => new Response("<h1>Not found</h1>", { status: 404 });
  world.socket().drop(CLOSE_CODES.LOST);
  await world.time.advance(60_000);
  expect(state()).toBe("reconnecting");
});

test("offline is told while the socket still looks open, once a poll failed as well", async () => {
  const { world, state, link } = live("ready");
  world.online = false;
  world.pageChanged();
  expect(state()).toBe("live");
  await settle();
  expect(link.status()).toEqual({ state: "offline", code: 0, reason: "network_gone" });
  world.online = true;
  world.pageChanged();
  expect(world.sockets).toHaveLength(2);
  world.socket().say(example("hello"));
  expect(state()).toBe("live");
});

test("a server on this machine stays live when the browser says that it is offline", async () => {
  const { world, state } = live("ready");
  world.answer = () => Response.json(STATUS);
  world.online = false;
  world.pageChanged();
  await world.time.advance(15_000);
  expect(state()).toBe("live");
  expect(world.sockets).toHaveLength(1);
});

test("a draining server is left by the client itself, unasked until it said", async () => {
  const { world, link } = live();
  world.answer = () => Response.json(STATUS);
  world.socket().say({ type: "draining", reconnect_in_ms: 3_000 });
  expect(world.socket().closedByClient).toBe(true);
  expect(link.status()).toEqual({ state: "reconnecting", code: 1012, reason: "draining" });
  await world.time.advance(2_900);
  expect(polls(world)).toBe(0);
  expect(link.status().code).toBe(1012);
  await world.time.advance(200);
  world.socket().drop(CLOSE_CODES.LOST);
  expect(link.status()).toMatchObject({ state: "reconnecting", code: 1006 });
});

test("no drain sends a page away for longer than a minute", async () => {
  const { world } = live();
  world.socket().say({ type: "draining", reconnect_in_ms: 86_400_000 });
  await world.time.advance(60_000);
  expect(world.sockets).toHaveLength(2);
});

test("why the line was lost is kept while nothing new is known", async () => {
  const { world, link } = live();
  world.socket().drop(CLOSE_CODES.INTERNAL_ERROR, "a bug");
  await world.time.advance(200);
  expect(polls(world)).toBe(1);
  expect(link.status()).toEqual({ state: "reconnecting", code: 1011, reason: "a bug" });
});

test("a server that greets and hangs up is not stormed", async () => {
  const { world } = live(
    "ready",
    createFakeWorld(() => 0.999),
  );
  world.answer = () => Response.json(STATUS);
  for (let second = 0; second < 60; second += 1) {
    if (!world.socket().closedByClient) {
      world.socket().say(example("hello"));
      world.socket().drop(CLOSE_CODES.INTERNAL_ERROR);
    }
    await world.time.advance(1_000);
  }
  expect(world.sockets.length).toBeLessThan(10);
});

test("a socket that held gives the next one a fresh start", async () => {
  const { world, link } = live(
    "ready",
    createFakeWorld(() => 0.999),
  );
  for (let turn = 0; turn < 6; turn += 1) {
    const opened = world.sockets.length;
    world.socket().drop(CLOSE_CODES.LOST);
    while (world.sockets.length === opened) await world.time.advance(50);
  }
  const opened = world.sockets.length;
  world.socket().say(example("hello"));
  await world.time.advance(11_000);
  expect(link.status().state).toBe("live");
  world.socket().drop(CLOSE_CODES.LOST);
  await world.time.advance(500);
  expect(world.sockets).toHaveLength(opened + 1);
});

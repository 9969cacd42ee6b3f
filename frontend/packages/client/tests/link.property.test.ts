import fc from "fast-check";
import { expect, test } from "vitest";
import { CLOSE_CODES, createLink } from "../src/index.ts";
import { createFakeWorld, type FakeSocket } from "../src/testing.ts";
import { example, snapshot } from "./examples.ts";

/**
 * Whatever a server, a network, a clock and a page do, in whatever order: nothing raises, at most one socket is open,
 * a lost socket is asked after within three seconds, and `stop` leaves nothing behind.
 */
const STATUS = { server: "greenroom/0", uptime_seconds: 1, snapshot: snapshot("loading") };
const ANSWERS: Record<string, () => Response | Promise<Response>> = {
  fine: () => Response.json(STATUS),
  broken: () => new Response("<html>", { status: 502 }),
  gone: () => Promise.reject(new TypeError("network")),
  never: () => new Promise(() => {}),
  unknown: () =>
    Response.json({ type: "/problems/unknown-model", detail: "No such model." }, { status: 404 }),
};

const step = fc.oneof(
  fc.record({
    do: fc.constant("say" as const),
    message: fc.constantFrom<unknown>(
      example("hello"),
      snapshot("loading"),
      snapshot("ready"),
      snapshot("failed"),
      { type: "ping", at: "" },
      { type: "draining", reconnect_in_ms: 2_000 },
      { type: "error", code: "internal-error", message: "Oh." },
      { type: "tomorrow" },
      "nonsense",
      null,
    ),
    /** 0: the newest socket; else one that was given up long ago. */
    age: fc.nat(2),
  }),
  fc.record({
    do: fc.constant("drop" as const),
    code: fc.constantFrom(...Object.values(CLOSE_CODES), 4999),
    age: fc.nat(2),
  }),
  fc.record({ do: fc.constant("answer" as const), how: fc.constantFrom(...Object.keys(ANSWERS)) }),
  fc.record({ do: fc.constant("page" as const), online: fc.boolean(), hidden: fc.boolean() }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 40_000 }) }),
  fc.record({ do: fc.constant("jump" as const), ms: fc.integer({ min: -90_000, max: 4_000_000 }) }),
  fc.record({ do: fc.constantFrom("start" as const, "stop" as const, "resync" as const) }),
  fc.record({ do: fc.constant("sockets" as const), areRefused: fc.boolean() }),
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** A small generator, so that a failing run can be told again. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 16_807) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function playing(seed: number) {
  const world = createFakeWorld(randomFrom(seed));
  const open = world.seams.openSocket;
  const dropped = new Set<FakeSocket>();
  let areRefused = false;
  world.seams.openSocket = (url, subprotocol, events) => {
    if (areRefused) throw new Error("refused");
    return open(url, subprotocol, events);
  };
  const link = createLink({
    socketUrl: "ws://here/ws/init/t",
    statusUrl: "http://here/status",
    seams: world.seams,
    onSnapshot: () => {},
  });
  const alive = () => world.sockets.filter((socket) => !socket.closedByClient && !dropped.has(socket));

  async function play(next: Step): Promise<void> {
    if (next.do === "say") world.sockets.at(-1 - next.age)?.say(next.message);
    if (next.do === "drop") {
      const socket = world.sockets.at(-1 - next.age);
      if (socket && alive().includes(socket)) {
        dropped.add(socket);
        socket.drop(next.code);
      }
    }
    if (next.do === "answer") world.answer = ANSWERS[next.how]!;
    if (next.do === "page") {
      Object.assign(world, { online: next.online, hidden: next.hidden });
      world.pageChanged();
    }
    if (next.do === "wait") await world.time.advance(next.ms);
    if (next.do === "jump") world.time.jump(next.ms);
    if (next.do === "start") link.start();
    if (next.do === "stop") link.stop();
    if (next.do === "resync") link.resync();
    if (next.do === "sockets") areRefused = next.areRefused;
  }
  return { world, link, alive, play };
}

test("nothing raises, there is one socket at most, and nothing is left after stop", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 30 }),
      fc.integer({ min: 1, max: 1e9 }),
      async (steps, seed) => {
        const { world, link, alive, play } = playing(seed);
        link.start();
        for (const next of steps) {
          await play(next);
          expect(alive().length).toBeLessThanOrEqual(1);
          const isStopped = link.status().state === "stopped";
          if (isStopped) expect([alive().length, world.time.pending()]).toEqual([0, 0]);
          // One look at the socket or one attempt, one poll: no step may let timers pile up.
          expect(world.time.pending()).toBeLessThanOrEqual(2);
          if (!isStopped) expect(world.time.pending()).toBeGreaterThan(0);
        }
        link.stop();
        await world.time.advance(0);
        expect([alive().length, world.time.pending()]).toEqual([0, 0]);
      },
    ),
    { numRuns: 300, seed: 20_261_121 },
  ));

test("a page that was told nothing for long asks, whatever happened before", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 20 }),
      fc.integer({ min: 1, max: 1e9 }),
      async (steps, seed) => {
        const { world, link, play } = playing(seed);
        link.start();
        for (const next of steps) await play(next);
        Object.assign(world, { online: true, hidden: false, answer: ANSWERS.fine });
        link.start();
        await world.time.advance(90_000);
        expect(["polling", "stopped"]).toContain(link.status().state);
      },
    ),
    { numRuns: 200, seed: 20_261_121 },
  ));

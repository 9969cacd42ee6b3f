import fc from "fast-check";
import { expect, test } from "vitest";
import { createReadinessStore, createReadyFetch, QueueError } from "../src/index.ts";
import { createFakeTime, settle } from "../src/testing.ts";
import { snapshot } from "./examples.ts";

const LIMITS = { maxCount: 4, maxBytes: 60, maxConcurrent: 2, maxAgeMs: 120_000, spreadMs: 80 };
/** A multiple of the longest pause between two tries, times all requests of one run. */
const LONG_MS = 1_200_000;

type Mode = "refuse" | "refuse_by_clock" | "answer" | "lose_before" | "lose_after" | "hang";
const MODES: Mode[] = ["refuse", "refuse_by_clock", "answer", "lose_before", "lose_after", "hang"];

const action = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("call" as const),
      key: fc.constantFrom(null, "one", "two"),
      idempotent: fc.boolean(),
      deadlineMs: fc.option(fc.integer({ min: 1, max: 30_000 }), { nil: undefined }),
      bytes: fc.integer({ min: 1, max: 40 }),
      asRequest: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("server" as const), mode: fc.constantFrom(...MODES) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("ready" as const), isReady: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cancel" as const), index: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("abort" as const), index: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("stop" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("start" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("release" as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never;

interface Call {
  id: string;
  key: string | null;
  idempotent: boolean;
  abort: AbortController;
  isSettled: boolean;
  handled: number;
}

/** A queue, a store of snapshots and a server that may do anything; every law is looked at after every step. */
function createRun(random: () => number) {
  const time = createFakeTime();
  const store = createReadinessStore(time);
  const calls: Call[] = [];
  const underWay = new Map<Call, AbortSignal>();
  const hanging = new Set<() => void>();
  const broken: string[] = [];
  let mode: Mode = "answer";
  let seq = 100;
  let isReady = true;
  let isStopped = false;

  const { fetch, queue, start, stop } = createReadyFetch({
    seams: { clock: time, timers: time.timers, random, fetch: serve },
    readiness: store,
    limits: LIMITS,
  });

  async function serve(url: string | URL, init?: RequestInit): Promise<Response> {
    const call = calls[Number(String(url).split("/").at(-1))]!;
    const ofKey = (other: { key: string | null }) => call.key !== null && other.key === call.key;
    const listed = new Set(queue.list().map((entry) => entry.url));
    const before = calls.filter(
      (other) => ofKey(other) && listed.has(other.id) && calls.indexOf(other) < calls.indexOf(call),
    );
    // A thrown error would look like a lost connection.
    if (before.length > 0) broken.push(`${call.id} overtook ${before[0]!.id}`);
    if ([...underWay].some(([other, signal]) => ofKey(other) && !signal.aborted))
      broken.push(`${call.id} beside another of its key`);
    underWay.set(call, init!.signal!);
    try {
      return await reply(call, init!.signal!);
    } finally {
      underWay.delete(call);
    }
  }

  async function reply(call: Call, signal: AbortSignal): Promise<Response> {
    if (mode === "refuse") return Response.json(current(), { status: 425 });
    if (mode === "refuse_by_clock")
      return new Response("{}", { status: 429, headers: { "Retry-After": "3" } });
    if (mode === "lose_before") throw new TypeError("lost before");
    if (mode === "hang") await Promise.race([new Promise<void>((go) => hanging.add(go)), aborted(signal)]);
    call.handled += 1;
    if (mode === "lose_after") throw new TypeError("lost after");
    return new Response("done");
  }

  const current = () => snapshot(isReady ? "ready" : "loading", { seq, round: seq });

  function announce(): void {
    seq += 1;
    store.accept(current());
  }

  function call({ key, idempotent, deadlineMs, bytes, asRequest }: Extract<Action, { do: "call" }>): void {
    const url = `http://server/${calls.length}`;
    const abort = new AbortController();
    const made: Call = { id: url, key, idempotent, abort, isSettled: false, handled: 0 };
    calls.push(made);
    const init = { method: "POST", body: "x".repeat(bytes), signal: abort.signal };
    const extras = { idempotent, ...(key && { orderKey: key }), ...(deadlineMs && { deadlineMs }) };
    const answer = asRequest ? fetch(new Request(url, init), extras) : fetch(url, { ...init, ...extras });
    const end = () => {
      made.isSettled = true;
    };
    answer.then(end, end);
  }

  function release(): void {
    for (const go of hanging) go();
    hanging.clear();
  }

  async function act(step: Action): Promise<void> {
    if (step.do === "call") call(step);
    if (step.do === "server") mode = step.mode;
    if (step.do === "ready") {
      isReady = step.isReady;
      announce();
    }
    if (step.do === "advance") await time.advance(step.ms);
    if (step.do === "cancel") queue.cancel(queue.list()[step.index]?.id ?? "none");
    if (step.do === "abort") calls[step.index]?.abort.abort(new QueueError("cancelled"));
    if (step.do === "release") release();
    if (step.do === "stop") stop();
    if (step.do === "start") start();
    if (step.do === "stop" || step.do === "start") isStopped = step.do === "stop";
    await turns();
  }

  function check(): void {
    const list = queue.list();
    expect(broken).toEqual([]);
    expect(list.length).toBeLessThanOrEqual(LIMITS.maxCount);
    expect(list.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(LIMITS.maxBytes);
    expect(list.filter(({ state }) => state === "sending").length).toBeLessThanOrEqual(LIMITS.maxConcurrent);
    expect(list.map(({ position }) => position)).toEqual(list.map((_, index) => index + 1));
    for (const { id, isSettled, handled, idempotent } of calls) {
      const isHere =
        list.some(({ url }) => url === id) || [...underWay.keys()].some((other) => other.id === id);
      expect(isSettled || isHere, `${id} is lost`).toBe(true);
      if (!idempotent) expect(handled, `${id} was handled twice`).toBeLessThanOrEqual(1);
    }
    if (isStopped) expect(time.pending(), "a timer is left after stop").toBe(0);
  }

  async function end(): Promise<void> {
    mode = "answer";
    isReady = true;
    start();
    release();
    announce();
    await time.advance(LONG_MS);
    await turns();
    expect(calls.filter(({ isSettled }) => !isSettled).map(({ id }) => id)).toEqual([]);
    expect(queue.list()).toEqual([]);
    expect(time.pending()).toBe(0);
  }

  return { act, check, end };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

/** A `Request`'s body and a refusal's are streams: they are read some turns of the event loop later. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 6; turn += 1) {
    await settle();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("whatever server, line and people do: none handled twice, none lost, no bound crossed, order kept, no timer left", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 1, maxLength: 50, size: "max" }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      async (steps, dice) => {
        const run = createRun(() => dice.next().value ?? 0.5);
        for (const step of steps) {
          await run.act(step);
          run.check();
        }
        await run.end();
      },
    ),
    { numRuns: Number(process.env.GREENROOM_FUZZ_RUNS ?? 100) },
  );
}, 60_000);

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { InitState, LinkStatus } from "../src/index.ts";
import { accept, INITIAL_READINESS, looked, type ReadinessState, view } from "../src/readiness.ts";
import { snapshot } from "./examples.ts";

const LINK: LinkStatus = { state: "live", code: 0, reason: "" };

function loading(changes: Partial<InitState>): InitState {
  return snapshot("loading", changes);
}

function after(...snapshots: InitState[]): ReadinessState {
  return snapshots.reduce((state, next) => accept(state, next, 1_000), INITIAL_READINESS);
}

/** Mostly time goes by; at times somebody sets the clock. */
const anyPause = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 0, max: 4_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: -3_600_000, max: 3_600_000 }) },
);

const anySnapshot = fc
  .record({
    epoch: fc.constantFrom("a", "b"),
    round: fc.integer({ min: 1, max: 2 }),
    seq: fc.integer({ min: 1, max: 30 }),
    progress: fc.integer({ min: 0, max: 100 }),
    estimated_seconds: fc.option(fc.integer({ min: 1, max: 90 })),
    ready: fc.boolean(),
  })
  .map((changes) => snapshot(changes.ready ? "ready" : "loading", changes));

describe("whatever arrives, in whatever order", () => {
  const arrivals = fc.array(fc.tuple(anySnapshot, anyPause), { maxLength: 40 });

  test("progress never falls within an epoch and a round, and 100 means ready", () => {
    fc.assert(
      fc.property(arrivals, (list) => {
        let state = INITIAL_READINESS;
        let now = 0;
        for (const [next, pause] of list) {
          const before = view(state, LINK, now);
          now += pause;
          state = accept(state, next, now);
          const shown = view(state, LINK, now);
          const isSameRound =
            before.snapshot?.epoch === shown.snapshot?.epoch &&
            before.snapshot?.round === shown.snapshot?.round;
          if (isSameRound && !before.ready) expect(shown.progress).toBeGreaterThanOrEqual(before.progress);
          if (shown.snapshot !== null) expect(shown.progress === 100).toBe(shown.ready);
        }
      }),
    );
  });

  test("within an epoch seq only rises, and a life that ended never comes back", () => {
    fc.assert(
      fc.property(arrivals, (list) => {
        let state = INITIAL_READINESS;
        const lives: string[] = [];
        for (const [next] of list) {
          const before = state.snapshot;
          state = accept(state, next, 0);
          if (before?.epoch === state.snapshot?.epoch && before && state.snapshot) {
            expect(state.snapshot.seq).toBeGreaterThanOrEqual(before.seq);
          } else if (state.snapshot) lives.push(state.snapshot.epoch);
        }
        expect(new Set(lives).size).toBe(lives.length);
      }),
    );
  });

  test("the seconds shown never rise within a round, and never reach zero", () => {
    fc.assert(
      fc.property(arrivals, (list) => {
        let state = INITIAL_READINESS;
        let now = 0;
        let seen = { key: "", seconds: 0 };
        for (const [next, pause] of list) {
          for (const step of [0, pause / 2, pause]) {
            state = looked(state, now + step);
            const { remaining, snapshot: held } = view(state, LINK, now + step);
            if (remaining.kind !== "seconds" || held === null) continue;
            const key = `${held.epoch} ${held.round}`;
            expect(remaining.seconds).toBeGreaterThan(0);
            if (seen.key === key) expect(remaining.seconds).toBeLessThanOrEqual(seen.seconds);
            seen = { key, seconds: remaining.seconds };
          }
          now += pause;
          const wasReady = state.snapshot?.ready;
          state = accept(state, next, now);
          if (wasReady !== state.snapshot?.ready) seen = { key: "", seconds: 0 };
        }
      }),
      { numRuns: 500 },
    );
  });
});

test("an older snapshot changes nothing at all", () => {
  const state = after(loading({ seq: 20, progress: 70 }));
  expect(accept(state, loading({ seq: 19, progress: 60 }), 2_000)).toBe(state);
});

test("a server that says 100 before it is ready is shown as 99", () => {
  expect(after(loading({ progress: 100 })).highWater).toBe(99);
});

test("a round that fell is dropped: what was shown in it stands", () => {
  const state = after(loading({ round: 2, seq: 20 }));
  expect(accept(state, loading({ round: 1, seq: 21 }), 2_000)).toBe(state);
});

test("a new epoch is explained as a restart of the server", () => {
  const state = after(
    loading({ epoch: "a", seq: 50, progress: 70 }),
    loading({ epoch: "b", seq: 1, progress: 5 }),
  );
  expect(state.explanation).toBe("server_restarted");
  expect(view(state, LINK, 1_000).progress).toBe(5);
});

test("a new round is explained as a restart of the model", () => {
  const state = after(
    snapshot("ready", { round: 1, seq: 52 }),
    snapshot("restarting", { round: 2, seq: 60 }),
  );
  expect(state.explanation).toBe("model_restarted");
});

test("the word that everything is ready still explains why it was not; what comes after no longer does", () => {
  const restarted = after(
    loading({ epoch: "a" }),
    loading({ epoch: "b", seq: 1 }),
    snapshot("ready", { epoch: "b", seq: 50 }),
  );
  expect(restarted.explanation).toBe("server_restarted");
  const later = accept(restarted, snapshot("ready", { epoch: "b", seq: 51 }), 0);
  expect(later.explanation).toBeNull();
});

test("a failure for good shows no countdown", () => {
  const state = after(loading({ seq: 1, estimated_seconds: 30 }), snapshot("failed", { seq: 99 }));
  expect(view(state, LINK, 1_000).remaining).toEqual({ kind: "unknown" });
});

test("a wall clock that was set back raises neither the stall nor the time to the next try", () => {
  const stalled = accept(INITIAL_READINESS, snapshot("stalled"), 9_000);
  expect(view(stalled, LINK, 0).stalledSeconds).toBe(23);
  const waiting = accept(INITIAL_READINESS, snapshot("crash-loop"), 9_000);
  expect(view(waiting, LINK, 0).retryInSeconds).toBe(403);
});

test("a late answer of the server's former life is dropped", () => {
  const state = after(
    loading({ epoch: "a", seq: 50 }),
    loading({ epoch: "b", seq: 1 }),
    loading({ epoch: "a", seq: 51 }),
  );
  expect(state.snapshot?.epoch).toBe("b");
});

test("the time to the next try is counted on the server's clock", () => {
  const state = accept(INITIAL_READINESS, snapshot("crash-loop"), 5_000);
  expect(view(state, LINK, 5_000).retryInSeconds).toBe(403);
  expect(view(state, LINK, 15_000).retryInSeconds).toBe(393);
});

test("a stall goes on counting between two snapshots", () => {
  const state = accept(INITIAL_READINESS, snapshot("stalled"), 0);
  expect(view(state, LINK, 4_000).stalledSeconds).toBe(27);
});

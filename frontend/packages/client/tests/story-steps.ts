import fc from "fast-check";
import { CLOSE_CODES } from "../src/index.ts";
import type { BadFrame } from "../src/testing.ts";

/**
 * A story: what happens to a page, its browser, its network and its server, in any order. It is told to the whole
 * client over the fake server; what must always hold is looked at after every step and at every change of the view.
 */
export type Step =
  | { do: "load"; by: number }
  | { do: "ready" | "fail" | "retryLater" | "modelRestarts" | "restart" | "stop" | "start" | "drain" }
  | { do: "lie"; percent: number }
  | { do: "badFrame"; frame: BadFrame }
  | { do: "close"; code: number }
  | { do: "drop" | "duplicate" | "swap" | "loseCalls" | "loseAnswers"; count: number }
  | { do: "delay" | "delayAnswers"; milliseconds: number }
  | { do: "overload" | "proxy503" | "silence" | "speak" | "letThrough" | "down" | "up" }
  | { do: "block"; how: "refuse" | "swallow" | "throw" }
  | { do: "hide" | "show" | "offline" | "online" | "comeBack" | "pageStops" | "pageStarts" }
  | { do: "jump" | "wait"; milliseconds: number }
  | { do: "ask"; kind: AskKind; bytes: number; orderKey: string | null; deadlineMs: number | null }
  | { do: "cancel" | "abort"; which: number };

export type AskKind = "post" | "keyed" | "get";

const milliseconds = (max: number) => fc.integer({ min: 0, max });
const count = fc.integer({ min: 1, max: 4 });
const plain = fc.constantFrom(
  ...(["ready", "fail", "retryLater", "modelRestarts", "restart", "stop", "start", "drain"] as const),
  ...(["overload", "proxy503", "silence", "speak", "letThrough", "down", "up", "pageStops"] as const),
  ...(["hide", "show", "offline", "online", "comeBack", "pageStarts"] as const),
  // Mended more often than broken, or most of a story would be spent in the dark.
  ...(["start", "speak", "letThrough", "up", "up", "pageStarts", "ready", "ready"] as const),
);
const FRAMES: BadFrame[] = ["not-json", "unknown-type", "binary", "truncated", "no-object"];

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: plain.map((name) => ({ do: name }) as Step) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("wait" as const), milliseconds: milliseconds(20_000) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), milliseconds: milliseconds(300) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("ask" as const),
      kind: fc.constantFrom<AskKind>("post", "keyed", "get"),
      bytes: fc.integer({ min: 0, max: 120 }),
      orderKey: fc.option(fc.constantFrom("a", "b")),
      deadlineMs: fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, fc.integer({ min: 1, max: 60_000 })),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("load" as const), by: fc.integer({ min: 0, max: 40 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("lie" as const), percent: fc.integer({ min: -5, max: 130 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("badFrame" as const), frame: fc.constantFrom(...FRAMES) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("close" as const),
      code: fc.constantFrom(...Object.values(CLOSE_CODES), 4999),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("drop", "duplicate", "swap", "loseCalls", "loseAnswers"),
      count,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom("delay", "delayAnswers"), milliseconds: milliseconds(8_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("block" as const),
      how: fc.constantFrom("refuse", "swallow", "throw"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("jump" as const),
      milliseconds: fc.integer({ min: -3_600_000, max: 3_600_000 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom("cancel", "abort"), which: fc.integer({ min: 0, max: 5 }) }),
  },
);

export interface StoryPlan {
  steps: Step[];
  latencyMs: number;
  /** Whether the server keeps Idempotency-Keys, and the page knows. */
  keepsKeys: boolean;
  /** The jitter of the page, used again from the start when they run out. */
  dice: number[];
}

export const story: fc.Arbitrary<StoryPlan> = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 60, size: "max" }),
  latencyMs: fc.constantFrom(0, 0, 20, 400),
  keepsKeys: fc.boolean(),
  // Full jitter may throw nothing, but not always: then a page would call without a pause.
  dice: fc.array(fc.double({ min: 0.05, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 7 }),
});

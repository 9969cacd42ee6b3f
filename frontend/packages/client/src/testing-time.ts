import type { Timers } from "./seams.ts";

/**
 * A clock that stands still. It has two hands: the wall clock, which a person or a time server can set, and the time
 * that timers run by, which only ever goes on. `advance` moves both, `jump` the wall clock alone.
 */
export interface FakeTime {
  /** The wall clock, in milliseconds. */
  now(): number;
  /** Milliseconds that went by since the start, whatever was done to the wall clock. */
  elapsed(): number;
  timers: Timers;
  /** What happens outside of the page under test; not counted by `pending`. Returns how to call it off. */
  schedule(callback: () => void, milliseconds: number): () => void;
  /** Lets time pass, timer by timer, and lets promises settle in between. Raises when timers never come to rest. */
  advance(milliseconds: number): Promise<void>;
  /** The wall clock jumps, forwards or backwards, while no timer runs: a laptop that slept, a clock that was set. */
  jump(milliseconds: number): void;
  /** How many timers are set and have neither fired nor been cleared. */
  pending(): number;
}

/** Enough for a chain of promises as deep as `fetch`, a clone of its body and a library around both. */
const TURNS = 40;
/** Within one moment; more is a loop that a browser would spin in, too. */
const MAX_TIMERS_AT_ONCE = 10_000;

/** Lets everything run that waits for nothing but promises. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await Promise.resolve();
}

interface Alarm {
  at: number;
  order: number;
  isOfPage: boolean;
  callback: () => void;
}

/** `start`: what the wall clock shows first, in milliseconds since 1970. */
export function createFakeTime(start = 1_000_000): FakeTime {
  const alarms = new Map<number, Alarm>();
  let elapsed = 0;
  let offset = start;
  let count = 0;

  function add(callback: () => void, milliseconds: number, isOfPage: boolean): number {
    count += 1;
    alarms.set(count, { at: elapsed + Math.max(0, milliseconds), order: count, isOfPage, callback });
    return count;
  }

  async function advance(milliseconds: number): Promise<void> {
    const end = elapsed + milliseconds;
    let atOnce = 0;
    await settle();
    for (let alarm = first(alarms); alarm && alarm.at <= end; alarm = first(alarms)) {
      atOnce = alarm.at > elapsed ? 0 : atOnce + 1;
      if (atOnce > MAX_TIMERS_AT_ONCE) throw new Error(`Timers without end at ${elapsed} ms.`);
      alarms.delete(alarm.order);
      elapsed = alarm.at;
      alarm.callback();
      await settle();
    }
    elapsed = end;
  }

  return {
    now: () => offset + elapsed,
    elapsed: () => elapsed,
    timers: {
      set: (callback, milliseconds) => add(callback, milliseconds, true),
      clear: (handle) => void alarms.delete(handle as number),
    },
    schedule(callback, milliseconds) {
      const order = add(callback, milliseconds, false);
      return () => void alarms.delete(order);
    },
    advance,
    jump(milliseconds) {
      offset += milliseconds;
    },
    pending: () => [...alarms.values()].filter(({ isOfPage }) => isOfPage).length,
  };
}

function first(alarms: ReadonlyMap<number, Alarm>): Alarm | undefined {
  let found: Alarm | undefined;
  // Insertion order breaks ties, as in a browser.
  for (const alarm of alarms.values()) if (found === undefined || alarm.at < found.at) found = alarm;
  return found;
}

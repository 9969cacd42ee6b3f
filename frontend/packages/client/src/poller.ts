import { pollDelay } from "./delays.ts";
import { asSnapshot, isRecord } from "./messages.ts";
import type { InitState } from "./protocol.gen.ts";
import type { Seams } from "./seams.ts";

export interface PollerEvents {
  onSnapshot(snapshot: InitState): void;
  onFailure(): void;
  /** Asking again would not help: `detail` says why, for people. */
  onRefusal(httpStatus: number, detail: string): void;
}

export interface Poller {
  /** Asks again and again. Idempotent. */
  start(): void;
  stop(): void;
  /** Asks now, beside whatever runs; does nothing while an answer is awaited. */
  ask(): void;
}

type Report = (events: PollerEvents) => void;

const TIMEOUT_MS = 5_000;

/** Asks `GET /status`, which is always 200: a polled 425 would paint the person's console red. */
export function createPoller(seams: Seams, url: string, events: PollerEvents): Poller {
  const { timers, random, page } = seams;
  let isLooping = false;
  let attempt = 0;
  /** Either the next question or the deadline of the one that is out: never both. */
  let timer: unknown;
  let asked: AbortController | null = null;

  function set(callback: () => void, milliseconds: number): void {
    timers.clear(timer);
    timer = timers.set(callback, milliseconds);
  }

  function schedule(): void {
    set(ask, pollDelay(attempt, random, page.isHidden()));
    attempt += 1;
  }

  function ask(): void {
    if (asked !== null) return;
    const abort = new AbortController();
    asked = abort;
    // An answer that was given up, or came after its deadline, is none.
    const settle = (report: Report) => {
      if (asked !== abort) return;
      asked = null;
      timers.clear(timer);
      if (isLooping) schedule();
      report(events);
    };
    set(() => {
      settle(failure);
      abort.abort();
    }, TIMEOUT_MS);
    readStatus(seams, url, abort.signal).then(settle, () => settle(failure));
  }

  return {
    ask,
    start() {
      if (isLooping) return;
      isLooping = true;
      attempt = asked === null ? 0 : 1;
      if (asked === null) schedule();
    },
    stop() {
      isLooping = false;
      timers.clear(timer);
      const abort = asked;
      asked = null;
      abort?.abort();
    },
  };
}

const failure: Report = (events) => events.onFailure();

async function readStatus({ fetch }: Seams, url: string, signal: AbortSignal): Promise<Report> {
  const response = await fetch(url, { signal, cache: "no-store" });
  const body: unknown = await response.json();
  if (!isRecord(body)) return failure;
  if (body.type === "/problems/unknown-model")
    return (events) => events.onRefusal(response.status, String(body.detail));
  const snapshot = asSnapshot(body.snapshot);
  return snapshot === null ? failure : (events) => events.onSnapshot(snapshot);
}

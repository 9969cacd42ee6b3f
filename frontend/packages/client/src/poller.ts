import { pollDelay } from "./delays.ts";
import { asSnapshot, isRecord } from "./messages.ts";
import type { InitState } from "./protocol.gen.ts";
import type { Seams } from "./seams.ts";

export interface PollerEvents {
  onAnswer(snapshot: InitState): void;
  onFailure(): void;
}

export interface Poller {
  /** Idempotent. `immediately` asks at once instead of after the first step. */
  start(immediately?: boolean): void;
  stop(): void;
  /** One question beside whatever runs. */
  once(): void;
}

const TIMEOUT_MS = 5_000;

/** Asks `GET /status`, which is always 200: a polled 425 would paint the person's console red. */
export function createPoller(seams: Seams, url: string, events: PollerEvents): Poller {
  const { timers, random } = seams;
  // Each start is a run of its own: the answer of an earlier one must not schedule a second loop.
  let run: object | null = null;
  let attempt = 0;
  let timer: unknown = null;
  const open = new Set<AbortController>();

  function schedule(current: object): void {
    timer = timers.set(() => void round(current), pollDelay(attempt, random));
    attempt += 1;
  }

  async function round(current: object): Promise<void> {
    await ask();
    if (run === current) schedule(current);
  }

  async function ask(): Promise<void> {
    const abort = new AbortController();
    open.add(abort);
    const timeout = timers.set(() => abort.abort(), TIMEOUT_MS);
    const snapshot = await readStatus(seams, url, abort.signal);
    timers.clear(timeout);
    if (!open.delete(abort)) return;
    if (snapshot === null) events.onFailure();
    else events.onAnswer(snapshot);
  }

  return {
    start(immediately = false) {
      if (run !== null) return;
      run = {};
      attempt = 0;
      if (immediately) void round(run);
      else schedule(run);
    },
    stop() {
      run = null;
      timers.clear(timer);
      // Forgotten before aborted: an answer that was given up is no failure of the server.
      const abandoned = [...open];
      open.clear();
      for (const abort of abandoned) abort.abort();
    },
    once() {
      if (open.size === 0) void ask();
    },
  };
}

async function readStatus(seams: Seams, url: string, signal: AbortSignal): Promise<InitState | null> {
  try {
    const response = await seams.fetch(url, { signal, cache: "no-store" });
    const body: unknown = await response.json();
    return isRecord(body) ? asSnapshot(body.snapshot) : null;
  } catch {
    return null;
  }
}

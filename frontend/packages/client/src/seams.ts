/**
 * What the cores borrow from the outside. Clocks, timers, sockets, fetch and randomness are arguments, so that a
 * test can hold time still and a page can run where one of them is missing.
 */
export interface Clock {
  /** Milliseconds of the wall clock. Not a monotonic clock: a laptop that slept must notice that time went by. */
  now(): number;
}

/** Never goes back: where the wall clock is set back it goes on from there, so that no wait grows by it. */
export function forwards(clock: Clock): Clock {
  let latest = 0;
  let ahead = 0;
  return {
    now() {
      const now = clock.now();
      ahead = Math.max(ahead, latest - now);
      latest = now + ahead;
      return latest;
    },
  };
}

export interface Timers {
  set(callback: () => void, milliseconds: number): unknown;
  clear(handle: unknown): void;
}

/** A number in [0, 1). */
export type Random = () => number;

export type Fetch = (input: string | URL, init?: RequestInit) => Promise<Response>;

export interface SocketEvents {
  onMessage(data: unknown): void;
  onClose(code: number, reason: string): void;
}

export interface Socket {
  close(): void;
}

export type OpenSocket = (url: string, subprotocol: string, events: SocketEvents) => Socket;

/** Tells when something changed for the page: it came back or went away, its network came or went. */
export interface PageSignals {
  isOnline(): boolean;
  isHidden(): boolean;
  /** Says that one of them may have changed, or that the page left the back-forward cache. */
  subscribe(onChange: () => void): () => void;
}

export interface Seams {
  clock: Clock;
  timers: Timers;
  random: Random;
  fetch: Fetch;
  openSocket: OpenSocket;
  page: PageSignals;
}

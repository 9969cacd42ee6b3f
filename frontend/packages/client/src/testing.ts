/** Deterministic twins of the seams: a clock that stands still, sockets that a test speaks through. */
import type { OpenSocket, Seams, SocketEvents, Timers } from "./seams.ts";

export interface FakeTime {
  now(): number;
  timers: Timers;
  /** Lets time pass, timer by timer, and lets promises settle in between. */
  advance(milliseconds: number): Promise<void>;
  /** The wall clock jumps while no timer runs: a laptop that slept. */
  jump(milliseconds: number): void;
  /** How many timers are set and have neither fired nor been cleared. */
  pending(): number;
}

export async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn += 1) await Promise.resolve();
}

export function createFakeTime(start = 1_000_000): FakeTime {
  let now = start;
  let count = 0;
  const waiting = new Map<number, { at: number; callback: () => void }>();
  const next = () => [...waiting].sort((left, right) => left[1].at - right[1].at || left[0] - right[0])[0];
  return {
    now: () => now,
    timers: {
      set(callback, milliseconds) {
        count += 1;
        waiting.set(count, { at: now + milliseconds, callback });
        return count;
      },
      clear: (handle) => void waiting.delete(handle as number),
    },
    async advance(milliseconds) {
      const end = now + milliseconds;
      await settle();
      for (let timer = next(); timer && timer[1].at <= end; timer = next()) {
        waiting.delete(timer[0]);
        now = Math.max(now, timer[1].at);
        timer[1].callback();
        await settle();
      }
      now = Math.max(now, end);
    },
    jump(milliseconds) {
      now += milliseconds;
    },
    pending: () => waiting.size,
  };
}

export interface FakeSocket {
  url: string;
  closedByClient: boolean;
  say(message: unknown): void;
  drop(code: number, reason?: string): void;
}

export interface FakeWorld {
  time: FakeTime;
  seams: Seams;
  sockets: FakeSocket[];
  /** The newest socket; raises when none was opened. */
  socket(): FakeSocket;
  calls: { url: string; init: RequestInit | undefined }[];
  /** Answers fetch; replace it to script a server. */
  answer: (url: string, init?: RequestInit) => Promise<Response> | Response;
  /** Set it, then call `pageChanged`. */
  online: boolean;
  hidden: boolean;
  /** What a browser tells by `online`, `offline`, `pageshow` and `visibilitychange`. */
  pageChanged(): void;
}

/** `random` stands at one half unless told. */
export function createFakeWorld(random: () => number = () => 0.5): FakeWorld {
  const time = createFakeTime();
  const sockets: FakeSocket[] = [];
  const returns = new Set<() => void>();
  const world: FakeWorld = {
    time,
    sockets,
    socket: () => requireLast(sockets),
    calls: [],
    answer: () => Promise.reject(new TypeError("network")),
    online: true,
    hidden: false,
    pageChanged: () => {
      for (const listener of [...returns]) listener();
    },
    seams: {
      clock: time,
      timers: time.timers,
      random,
      openSocket: fakeOpenSocket(sockets),
      async fetch(input, init) {
        world.calls.push({ url: String(input), init });
        return world.answer(String(input), init);
      },
      page: {
        isOnline: () => world.online,
        isHidden: () => world.hidden,
        subscribe(listener) {
          returns.add(listener);
          return () => returns.delete(listener);
        },
      },
    },
  };
  return world;
}

function fakeOpenSocket(sockets: FakeSocket[]): OpenSocket {
  return (url: string, _subprotocol: string, events: SocketEvents) => {
    const socket: FakeSocket = {
      url,
      closedByClient: false,
      say: (message) => events.onMessage(JSON.stringify(message)),
      drop: (code, reason = "") => events.onClose(code, reason),
    };
    sockets.push(socket);
    return {
      close() {
        socket.closedByClient = true;
      },
    };
  };
}

function requireLast(sockets: FakeSocket[]): FakeSocket {
  const last = sockets.at(-1);
  if (last === undefined) throw new Error("No socket was opened.");
  return last;
}

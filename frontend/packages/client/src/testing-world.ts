import type { OpenSocket, Seams, SocketEvents } from "./seams.ts";
import { createFakeTime, type FakeTime } from "./testing-time.ts";

/** A socket that the test speaks through, word by word. */
export interface FakeSocket {
  url: string;
  closedByClient: boolean;
  say(message: unknown): void;
  drop(code: number, reason?: string): void;
}

/** Seams without a server behind them: every frame and every answer is the test's own. */
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

import { browserSeams } from "./browser.ts";
import { createLink, type Link, type LinkOptions } from "./link.ts";
import { isRecord, parseJson, type ServerMessage } from "./messages.ts";
import type { RetryAnswer } from "./protocol.gen.ts";
import type { QueueLimits } from "./queue.ts";
import { createReadyFetch, type ReadyFetch } from "./ready-fetch.ts";
import type { Random, Seams } from "./seams.ts";
import type { Shelf } from "./shelf.ts";
import { createReadinessStore, type ReadinessStore } from "./store.ts";
import type { QueueEvent, RequestQueue } from "./waiting-room.ts";

export interface GreenroomOptions {
  /** Where the server lives, with or without a path. Default: this page's own origin. */
  url?: string;
  /** A label in the server's logs, never a credential. 1-64 of A-Za-z0-9_- */
  clientId?: string;
  queue?: Partial<QueueLimits>;
  /** Whether the server behind this URL runs a request with a known Idempotency-Key once only. Default: no. */
  honoursIdempotencyKey?(url: string): boolean;
  /** Keeps waiting requests beyond this page: `keptRequests` of `@greenroom/client/persist`. */
  shelf?: Shelf;
  onMessage?(message: ServerMessage): void;
  onQueueEvent?(event: QueueEvent): void;
  fetch?: Seams["fetch"];
  /** Another line to the server than a socket of this page's own: `sharedLink` of `@greenroom/client/tabs`. */
  createLink?: (options: LinkOptions) => Link;
  /** Clocks, sockets and timers, for tests and for places that are no browser. */
  seams?: Partial<Seams>;
}

export interface Greenroom {
  /** Where the server lives, without a slash at the end. */
  readonly url: string;
  readonly store: ReadinessStore;
  readonly link: Link;
  readonly queue: RequestQueue;
  /** Like `fetch`, but a "not ready yet" waits and goes out by itself. */
  readonly fetch: ReadyFetch;
  start(): void;
  stop(): void;
  /** Starts, and stops when the last holder let go: safe under React's StrictMode. */
  retain(): () => void;
  /** Asks the server to try a failed model again. */
  retryModel(name: string): Promise<RetryAnswer>;
}

const TICK_MS = 250;

export function createGreenroom(options: GreenroomOptions = {}): Greenroom {
  const seams: Seams = {
    ...browserSeams(),
    ...options.seams,
    ...(options.fetch && { fetch: options.fetch }),
  };
  const base = (options.url ?? globalThis.location?.origin ?? "").replace(/\/+$/, "");
  const store = createReadinessStore(seams.clock);
  const { fetch, queue, ...room } = createReadyFetch({
    seams,
    readiness: store,
    ...(options.queue && { limits: options.queue }),
    ...(options.honoursIdempotencyKey && { honoursIdempotencyKey: options.honoursIdempotencyKey }),
    ...(options.shelf && { shelf: options.shelf }),
    ...(options.onQueueEvent && { onEvent: options.onQueueEvent }),
  });
  const link = (options.createLink ?? createLink)({
    socketUrl: `${base.replace(/^http/, "ws")}/ws/init/${options.clientId ?? newClientId(seams.random)}`,
    statusUrl: `${base}/status`,
    seams,
    onSnapshot: store.accept,
    onStatus: store.setLink,
    ...(options.onMessage && { onMessage: options.onMessage }),
  });
  const ticker = createTicker(seams, store);
  const start = () => {
    link.start();
    room.start();
    ticker.start();
  };
  const stop = () => {
    link.stop();
    room.stop();
    ticker.stop();
  };
  const retain = createRetain(seams, start, stop);
  return {
    url: base,
    store,
    link,
    queue,
    fetch,
    start,
    stop,
    retain,
    retryModel: (name) => retryModel(seams, base, name),
  };
}

/** Lets countdowns move between snapshots; the numbers come from the clock, not from counting ticks. */
function createTicker(seams: Seams, store: ReadinessStore): { start(): void; stop(): void } {
  let timer: unknown = null;
  const tick = () => {
    store.tick();
    timer = seams.timers.set(tick, TICK_MS);
  };
  const stop = () => seams.timers.clear(timer);
  return {
    stop,
    start() {
      stop();
      tick();
    },
  };
}

/** StrictMode mounts, unmounts and mounts again within one turn: that must not cost a socket. */
function createRetain(seams: Seams, start: () => void, stop: () => void): () => () => void {
  let holders = 0;
  return () => {
    holders += 1;
    start();
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      holders -= 1;
      seams.timers.set(() => holders === 0 && stop(), 0);
    };
  };
}

async function retryModel(seams: Seams, base: string, name: string): Promise<RetryAnswer> {
  const response = await seams.fetch(`${base}/models/${encodeURIComponent(name)}/retry`, { method: "POST" });
  const body = parseJson(await response.text());
  if (response.ok) return body as RetryAnswer;
  const detail = isRecord(body) && typeof body.detail === "string" ? body.detail : null;
  throw new Error(detail ?? `The server refused the retry (${response.status}).`);
}

/** `crypto.randomUUID` exists on secure origins only; a label needs no secrecy. */
function newClientId(random: Random): string {
  return `web-${Array.from({ length: 12 }, () => Math.floor(random() * 36).toString(36)).join("")}`;
}

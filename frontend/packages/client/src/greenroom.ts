import { browserSeams } from "./browser.ts";
import { createLink, type Link, type LinkOptions } from "./link.ts";
import { isRecord, parseJson, type ServerMessage } from "./messages.ts";
import type { RetryAnswer } from "./protocol.gen.ts";
import type { QueueLimits } from "./queue.ts";
import { createReadyFetch, type ReadyFetch } from "./ready-fetch.ts";
import { safely } from "./safely.ts";
import type { Random, Seams } from "./seams.ts";
import type { Shelf } from "./shelf.ts";
import { createReadinessStore, type ReadinessStore } from "./store.ts";
import type { QueueEvent, RequestQueue } from "./waiting-room.ts";

export interface GreenroomOptions {
  /** Where the server lives, with or without a path. Default: this page's own origin. */
  url?: string | undefined;
  /** A label in the server's logs, never a credential. 1-64 of A-Za-z0-9_- */
  clientId?: string | undefined;
  /** Follow these models. Default: the required ones. A name that the server does not know stops the link. */
  models?: readonly string[] | undefined;
  queue?: Partial<QueueLimits> | undefined;
  /** Whether the server behind this URL runs a request with a known Idempotency-Key once only. Default: no. */
  honoursIdempotencyKey?(url: string): boolean;
  /** Keeps waiting requests beyond this page: `keptRequests` of `@greenroom/client/persist`. */
  shelf?: Shelf | undefined;
  onMessage?(message: ServerMessage): void;
  onQueueEvent?(event: QueueEvent): void;
  fetch?: Seams["fetch"] | undefined;
  /** Another line to the server than a socket of this page's own: `sharedLink` of `@greenroom/client/tabs`. */
  createLink?: ((options: LinkOptions) => Link) | undefined;
  /** Clocks, sockets and timers, for tests and for places that are no browser. */
  seams?: Partial<Seams> | undefined;
}

export interface Greenroom {
  /** Where the server lives, without a slash at the end. */
  readonly url: string;
  /** What it borrows from the outside, so that its companions (`@greenroom/client/jobs`) borrow the same. */
  readonly seams: Seams;
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
  const url = (options.url ?? globalThis.location?.origin ?? "").replace(/\/+$/, "");
  const query = options.models?.length ? `?models=${options.models.map(encodeURIComponent)}` : "";
  const store = createReadinessStore(seams.clock);
  const { fetch, queue, ...room } = createReadyFetch({
    ...options,
    seams,
    readiness: store,
    limits: options.queue ?? {},
    onEvent: (event) => options.onQueueEvent?.(event),
  });
  const link = (options.createLink ?? createLink)({
    socketUrl: `${url.replace(/^http/, "ws")}/ws/init/${options.clientId ?? newClientId(seams.random)}${query}`,
    statusUrl: `${url}/status${query}`,
    seams,
    onSnapshot: store.accept,
    onStatus: store.setLink,
    onMessage: (message) => safely(() => options.onMessage?.(message)),
  });
  const ticker = createTicker(seams, store);
  const holding = createHolding(seams, start, stop);

  function start(): void {
    ticker.start();
    link.start();
    room.start();
  }

  function stop(): void {
    holding.forget();
    room.stop();
    link.stop();
    ticker.stop();
  }

  return {
    url,
    seams,
    store,
    link,
    queue,
    fetch,
    start,
    stop,
    retain: holding.retain,
    retryModel: (name) => retryModel(seams, url, name),
  };
}

/**
 * Lets countdowns move between snapshots, and sleeps while none does; the numbers come from the clock, not from
 * counting ticks.
 */
function createTicker({ timers }: Seams, store: ReadinessStore): { start(): void; stop(): void } {
  let timer: unknown = null;
  let isRunning = false;

  function follow(): void {
    if (isRunning) timer ??= timers.set(tick, TICK_MS);
  }

  function tick(): void {
    timer = null;
    if (store.tick()) follow();
  }

  store.subscribe(follow);
  return {
    start() {
      isRunning = true;
      follow();
    },
    stop() {
      isRunning = false;
      timers.clear(timer);
      timer = null;
    },
  };
}

/** StrictMode mounts, unmounts and mounts again within one turn: that must not cost a socket. */
function createHolding({ timers }: Seams, start: () => void, stop: () => void) {
  let holders = 0;
  let timer: unknown;
  const forget = () => timers.clear(timer);
  return {
    forget,
    retain(): () => void {
      holders += 1;
      start();
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        holders -= 1;
        forget();
        timer = timers.set(() => holders > 0 || stop(), 0);
      };
    },
  };
}

async function retryModel({ fetch }: Seams, base: string, name: string): Promise<RetryAnswer> {
  const response = await fetch(`${base}/models/${encodeURIComponent(name)}/retry`, { method: "POST" });
  const body = parseJson(await response.text());
  if (response.ok) return body as RetryAnswer;
  const detail = isRecord(body) && typeof body.detail === "string" ? body.detail : null;
  throw new Error(detail ?? `The server refused the retry (${response.status}).`);
}

/** `crypto.randomUUID` exists on secure origins only; a label needs no secrecy. */
function newClientId(random: Random): string {
  return `web-${random().toString(36).slice(2)}`;
}

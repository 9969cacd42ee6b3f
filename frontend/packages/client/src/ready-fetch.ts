import { createDispatch, type Dispatch } from "./dispatch.ts";
import { createPump } from "./pump.ts";
import { limitsOf, NEVER, type QueueEntry, type QueueLimits, refuses } from "./queue.ts";
import { describeRequest, isRequestObject, type Replayable } from "./replay.ts";
import { forwards, type Seams } from "./seams.ts";
import type { Shelf, ShelfDoor } from "./shelf.ts";
import type { ReadinessStore } from "./store.ts";
import {
  createWaitingRoom,
  type Item,
  isListed,
  type QueueEvent,
  type RequestQueue,
  type WaitingRoom,
} from "./waiting-room.ts";

/**
 * `fetch` that waits for the models. A refusal ("not ready yet") certainly reached no handler, so the request can
 * wait here and go again, whatever its method. A connection that broke is another matter: the handler may have
 * run, so only a request that is idempotent, or that the caller calls so, is ever sent a second time.
 *
 * Every request is an item of the waiting room from its call to its end, also while its first attempt is under way:
 * that is what keeps the order of a key and the deadline. It is listed, counted and kept once it has to wait.
 */
export interface ReadyRequestInit extends RequestInit {
  /** Shown to people in the list of waiting requests. Default: method and URL. */
  label?: string | undefined;
  /** A second run does no harm. Default: by method, or by an Idempotency-Key that the server honours. */
  idempotent?: boolean | undefined;
  /**
   * Milliseconds from the call until the answer's headers, the time under way included. Waiting ends after the
   * queue's `maxAgeMs` at the latest.
   */
  deadlineMs?: number | undefined;
  /** Requests with one key go out one after another, in the order of their calls, the first attempts too. */
  orderKey?: string | undefined;
}

/** Rejects with a `QueueError` when the request was given up, with the signal's reason, or as `fetch` does. */
export type ReadyFetch = (input: string | URL | Request, init?: ReadyRequestInit) => Promise<Response>;

export interface ReadyFetchOptions {
  seams: Pick<Seams, "clock" | "timers" | "random" | "fetch">;
  /** Without it every wait goes by `Retry-After`. */
  readiness?: Pick<ReadinessStore, "isReady" | "acceptRefusal" | "subscribe"> | undefined;
  limits?: Partial<QueueLimits> | undefined;
  /** Whether the server behind this URL runs a request with a known Idempotency-Key once only. Default: no. */
  honoursIdempotencyKey?(url: string): boolean;
  /** Keeps what waits beyond this page: `keptRequests` of `@greenroom/client/persist`. */
  shelf?: Shelf | undefined;
  onEvent?(event: QueueEvent): void;
}

export interface ReadyRoom {
  readonly fetch: ReadyFetch;
  readonly queue: RequestQueue;
  /** Goes on after a `stop`, and takes over what the shelf kept. Without it the queue works, but for the shelf. */
  start(): void;
  /** No timer is left. What waits is kept until `start`; what is under way comes to its end. */
  stop(): void;
}

export function createReadyFetch(given: ReadyFetchOptions): ReadyRoom {
  const options = { ...given, seams: { ...given.seams, clock: forwards(given.seams.clock) } };
  const { shelf } = options;
  const limits = limitsOf(options.limits ?? {});
  const room = createWaitingRoom(options.onEvent);
  const { pump, ...running } = createPump(options, limits, room, {
    send: (item) => dispatch.send(item),
    expire: (item) => dispatch.giveUp(item, "expired"),
  });
  const dispatch = createDispatch(options, limits, room, pump);
  options.readiness?.subscribe(pump);
  const door: ShelfDoor = {
    hasRoom: (bytes) => refuses(room.list(), bytes, limits) === null,
    adopt: (entry, request) =>
      new Promise((resolve, reject) => {
        room.add({ ...newItem(entry, request), resolve, reject }, entry.queuedAt);
        room.tell("queued", entry);
        pump();
      }),
  };
  const cancel = (id: string) => {
    const item = room.find(id);
    if (!item || !isListed(item.entry)) return false;
    dispatch.giveUp(item, "cancelled");
    return true;
  };
  return {
    fetch: createFetch(options, room, dispatch, pump),
    queue: {
      list: room.list,
      subscribe: room.subscribe,
      cancel,
      cancelAll() {
        for (const { id } of room.list()) cancel(id);
      },
    },
    start() {
      running.start();
      shelf?.start(door);
    },
    stop() {
      running.stop();
      shelf?.stop();
    },
  };
}

function createFetch(
  { seams, shelf, honoursIdempotencyKey }: ReadyFetchOptions,
  room: WaitingRoom,
  { begin, giveUp, refuse }: Dispatch,
  pump: () => void,
): ReadyFetch {
  let count = 0;

  /** The body of a `Request` is a stream: read once, kept as bytes. */
  async function beginWithBody(item: Item, input: Request): Promise<void> {
    try {
      const body = await input.arrayBuffer();
      if (body.byteLength > 0) item.request.init.body = body;
      item.request.bytes = body.byteLength;
      room.change(item, { bytes: body.byteLength });
    } catch {
      refuse(item, "not_replayable");
    }
    begin(item);
  }

  return async (input, { label, idempotent, deadlineMs, orderKey, ...init } = {}) => {
    const request = describeRequest(
      input,
      init,
      (url, hasKey) => idempotent ?? ((hasKey && honoursIdempotencyKey?.(url)) || undefined),
    );
    const { signal } = request.init;
    signal?.throwIfAborted();
    count += 1;
    const id = `${shelf?.idPrefix ?? "q"}${count}`;
    const entry = newEntry(id, request, { label, deadlineMs, orderKey }, seams.clock.now());
    return new Promise((resolve, reject) => {
      const item = { ...newItem(entry, request), resolve, reject };
      if (signal) {
        const onAbort = () => giveUp(item, "cancelled", signal.reason);
        signal.addEventListener("abort", onAbort);
        item.release = () => signal.removeEventListener("abort", onAbort);
      }
      room.add(item);
      if (isRequestObject(input) && !init.body) void beginWithBody(item, input);
      else begin(item);
      if (deadlineMs !== undefined) pump();
    });
  };
}

function newItem(entry: QueueEntry, request: Replayable): Omit<Item, "resolve" | "reject"> {
  return { entry, request, abort: new AbortController(), lost: 0, spreadMs: 0, release: () => {} };
}

type Wishes = { [Name in "label" | "deadlineMs" | "orderKey"]: ReadyRequestInit[Name] | undefined };

function newEntry(id: string, { method, url, bytes }: Replayable, wishes: Wishes, now: number): QueueEntry {
  return {
    id,
    label: wishes.label ?? `${method} ${url}`,
    method,
    url,
    bytes,
    orderKey: wishes.orderKey ?? null,
    scope: null,
    state: "first",
    queuedAt: now,
    deadlineAt: now + (wishes.deadlineMs ?? NEVER),
    attempts: 0,
    notBefore: now,
    askAgainAt: now,
  };
}

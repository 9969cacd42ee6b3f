import {
  DEFAULT_QUEUE_LIMITS,
  due,
  nextLook,
  pauseBefore,
  type QueueEntry,
  type QueueLimits,
  type RefusedReason,
  refuses,
} from "./queue.ts";
import { type Refusal, readRefusal } from "./refusal.ts";
import { describeRequest, type Replayable } from "./replay.ts";
import type { Seams } from "./seams.ts";
import type { ReadinessStore } from "./store.ts";

/**
 * `fetch` that waits for the models. A refusal ("not ready yet") certainly reached no handler, so the request can
 * wait here and go again, whatever its method. A connection that broke is another matter: the handler may have
 * run, so only a request that is idempotent, or that the caller calls so, is ever sent a second time.
 */
export interface ReadyRequestInit extends RequestInit {
  /** Shown to people in the list of waiting requests. */
  label?: string;
  /** A second run does no harm. Default: by method, or because it carries an Idempotency-Key. */
  idempotent?: boolean;
  /** How long it may wait, at most the queue's own `maxAgeMs`. */
  deadlineMs?: number;
}

export type ReadyFetch = (input: string | URL, init?: ReadyRequestInit) => Promise<Response>;

export type QueueEventName =
  | "queued"
  | "sent"
  | "requeued"
  | "settled"
  | "failed"
  | "cancelled"
  | "expired"
  | "refused";

export interface QueueEvent {
  name: QueueEventName;
  id: string;
  label: string;
  reason?: RefusedReason;
}

export interface QueuedRequest extends QueueEntry {
  /** 1 goes first. */
  readonly position: number;
}

export interface RequestQueue {
  /** The same array until something changes. */
  list(): readonly QueuedRequest[];
  cancel(id: string): boolean;
  subscribe(listener: () => void): () => void;
}

export type QueueErrorCode = "cancelled" | "expired" | RefusedReason;

const QUEUE_ERRORS: Record<QueueErrorCode, string> = {
  cancelled: "The waiting request was cancelled.",
  expired: "The model was not ready in time; the request was not sent.",
  too_many: "Too many requests are waiting already; this one was not kept.",
  too_big: "The waiting requests are too large together; this one was not kept.",
  not_replayable: "The request's body can be read only once, so it cannot wait.",
};

export class QueueError extends Error {
  constructor(
    readonly code: QueueErrorCode,
    /** The server's refusal, where there was one. */
    readonly response: Response | null = null,
  ) {
    super(QUEUE_ERRORS[code]);
    this.name = "QueueError";
  }
}

export interface ReadyFetchOptions {
  seams: Pick<Seams, "clock" | "timers" | "random" | "fetch">;
  /** Without it every wait goes by `Retry-After`. */
  readiness?: Pick<ReadinessStore, "isReady" | "acceptRefusal" | "subscribe">;
  limits?: Partial<QueueLimits>;
  onEvent?(event: QueueEvent): void;
}

interface Waiting {
  entry: QueueEntry;
  request: Replayable;
  abort: AbortController;
  /** Connections lost after it may have gone out. */
  lost: number;
  resolve(response: Response): void;
  reject(error: unknown): void;
  release(): void;
}

const MAX_LOST = 5;
/** A lost connection says nothing about the models; the pause between tries says when. */
const LOST: Refusal = { snapshot: null, retryAfterMs: 1_000 };

class WaitingRoom implements RequestQueue {
  private waiting: Waiting[] = [];
  private listed: readonly QueuedRequest[] = [];
  private readonly listeners = new Set<() => void>();
  private readonly limits: QueueLimits;
  private timer: unknown = null;
  private count = 0;
  private isPumping = false;

  constructor(private readonly options: ReadyFetchOptions) {
    this.limits = { ...DEFAULT_QUEUE_LIMITS, ...options.limits };
    options.readiness?.subscribe(() => this.pump());
  }

  list(): readonly QueuedRequest[] {
    return this.listed;
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  cancel(id: string): boolean {
    const item = this.waiting.find(({ entry }) => entry.id === id);
    if (item === undefined) return false;
    this.finish(item, "cancelled", () => item.reject(new QueueError("cancelled")));
    item.abort.abort();
    return true;
  }

  readonly fetch: ReadyFetch = async (input, init = {}) => {
    const { label, idempotent, deadlineMs, ...plain } = init;
    const request = describeRequest(input, plain, idempotent);
    plain.signal?.throwIfAborted();
    const details = { label: label ?? `${request.method} ${request.url}`, deadlineMs };
    let response: Response;
    try {
      response = await this.options.seams.fetch(input, plain);
    } catch (error) {
      if (!mayResend(request, error)) throw error;
      return this.enqueue(request, LOST, details, null, 1);
    }
    const refusal = await readRefusal(response, this.now(), request.idempotent);
    return refusal === null ? response : this.enqueue(request, refusal, details, response, 0);
  };

  private enqueue(
    request: Replayable,
    refusal: Refusal,
    details: { label: string; deadlineMs: number | undefined },
    response: Response | null,
    lost: number,
  ): Promise<Response> {
    request.init.signal?.throwIfAborted();
    const entry = this.newEntry(request, refusal, details);
    const reason = refuses(this.entries(), request.bytes, this.limits);
    if (reason !== null) {
      this.options.onEvent?.({ name: "refused", id: entry.id, label: entry.label, reason });
      return Promise.reject(new QueueError(reason, response));
    }
    return new Promise((resolve, reject) => {
      const item: Waiting = {
        entry,
        request,
        lost,
        resolve,
        reject,
        abort: new AbortController(),
        release: () => {},
      };
      this.followSignal(item);
      this.waiting.push(item);
      this.tell("queued", entry);
      // Readiness is read after the entry stands in the room: a "ready" that came in between is not lost.
      if (refusal.snapshot !== null) this.options.readiness?.acceptRefusal(refusal.snapshot);
      this.pump();
    });
  }

  private newEntry(
    request: Replayable,
    refusal: Refusal,
    details: { label: string; deadlineMs: number | undefined },
  ): QueueEntry {
    const now = this.now();
    this.count += 1;
    return {
      id: `q${this.count}`,
      label: details.label,
      method: request.method,
      url: request.url,
      bytes: request.bytes,
      scope: refusal.snapshot?.scope ?? null,
      state: "waiting",
      queuedAt: now,
      deadlineAt: now + Math.min(details.deadlineMs ?? this.limits.maxAgeMs, this.limits.maxAgeMs),
      attempts: 1,
      notBefore: now,
      askAgainAt: now + refusal.retryAfterMs,
    };
  }

  private followSignal(item: Waiting): void {
    const signal = item.request.init.signal;
    if (!signal) return;
    const onAbort = () => {
      this.finish(item, "cancelled", () => item.reject(signal.reason));
      item.abort.abort(signal.reason);
    };
    signal.addEventListener("abort", onAbort);
    item.release = () => signal.removeEventListener("abort", onAbort);
  }

  /** Sends what is due, drops what is too old, and sets the one timer. Not re-entrant: sending changes the list. */
  private pump(): void {
    if (this.isPumping) return;
    this.isPumping = true;
    this.expire();
    const isReady = this.isReady;
    for (const entry of due(this.entries(), isReady, this.now(), this.limits)) void this.send(entry);
    this.isPumping = false;
    this.options.seams.timers.clear(this.timer);
    const wait = nextLook(this.entries(), isReady, this.now()) - this.now();
    if (Number.isFinite(wait))
      this.timer = this.options.seams.timers.set(() => this.pump(), Math.max(1, wait));
  }

  private readonly isReady = (scope: readonly string[] | null) =>
    this.options.readiness?.isReady(scope) ?? null;

  private expire(): void {
    const old = this.waiting.filter(({ entry }) => entry.deadlineAt <= this.now());
    for (const item of old) {
      this.finish(item, "expired", () => item.reject(new QueueError("expired")));
      item.abort.abort();
    }
  }

  private async send(entry: QueueEntry): Promise<void> {
    const item = this.waiting.find((candidate) => candidate.entry.id === entry.id);
    if (item === undefined) return;
    this.change(item, { state: "sending" });
    await this.pause(this.options.seams.random() * this.limits.spreadMs);
    if (!this.waiting.includes(item)) return;
    this.tell("sent", item.entry);
    try {
      const signal = item.abort.signal;
      const response = await this.options.seams.fetch(item.request.url, { ...item.request.init, signal });
      const refusal = await readRefusal(response, this.now(), item.request.idempotent);
      if (refusal !== null) this.requeue(item, refusal);
      else this.finish(item, "settled", () => item.resolve(response));
    } catch (error) {
      this.broke(item, error);
    }
  }

  private broke(item: Waiting, error: unknown): void {
    if (!this.waiting.includes(item)) return;
    item.lost += 1;
    if (mayResend(item.request, error) && item.lost < MAX_LOST) return this.requeue(item, LOST);
    this.finish(item, "failed", () => item.reject(error));
  }

  private requeue(item: Waiting, refusal: Refusal): void {
    if (!this.waiting.includes(item)) return;
    const attempts = item.entry.attempts + 1;
    this.change(item, {
      state: "waiting",
      attempts,
      scope: refusal === LOST ? item.entry.scope : (refusal.snapshot?.scope ?? null),
      notBefore: this.now() + pauseBefore(attempts, this.options.seams.random),
      askAgainAt: this.now() + refusal.retryAfterMs,
    });
    this.tell("requeued", item.entry);
    if (refusal.snapshot !== null) this.options.readiness?.acceptRefusal(refusal.snapshot);
    this.pump();
  }

  private finish(item: Waiting, name: QueueEventName, settle: () => void): void {
    if (!this.waiting.includes(item)) return;
    this.waiting = this.waiting.filter((other) => other !== item);
    item.release();
    settle();
    this.tell(name, item.entry);
    this.pump();
  }

  private change(item: Waiting, changes: Partial<QueueEntry>): void {
    item.entry = { ...item.entry, ...changes };
    this.relist();
  }

  private tell(name: QueueEventName, entry: QueueEntry): void {
    this.relist();
    this.options.onEvent?.({ name, id: entry.id, label: entry.label });
  }

  private relist(): void {
    this.listed = this.entries().map((entry, index) => ({ ...entry, position: index + 1 }));
    for (const listener of [...this.listeners]) listener();
  }

  private pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.options.seams.timers.set(resolve, milliseconds));
  }

  private entries(): QueueEntry[] {
    return this.waiting.map(({ entry }) => entry);
  }

  private now(): number {
    return this.options.seams.clock.now();
  }
}

function mayResend(request: Replayable, error: unknown): boolean {
  return request.idempotent && !(error instanceof Error && error.name === "AbortError");
}

export function createReadyFetch(options: ReadyFetchOptions): { fetch: ReadyFetch; queue: RequestQueue } {
  const room = new WaitingRoom(options);
  return { fetch: room.fetch, queue: room };
}

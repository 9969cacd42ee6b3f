import {
  isBehind,
  NEVER,
  pauseBefore,
  type QueueEntry,
  type QueueLimits,
  type RefusedReason,
  refuses,
} from "./queue.ts";
import { QueueError } from "./queue-error.ts";
import type { ReadyFetchOptions } from "./ready-fetch.ts";
import { type Refusal, readRefusal } from "./refusal.ts";
import type { Replayable } from "./replay.ts";
import type { Random } from "./seams.ts";
import { type Item, isListed, type QueueEventName, type WaitingRoom } from "./waiting-room.ts";

/**
 * One request's ways: out, back into the waiting room, or to its end. Three rules keep it from being carried out
 * twice: only a refusal or an idempotent request leads back; whoever left the room is not touched any more; and a
 * shelf is told before anything leaves that other pages might send, too.
 */
export interface Dispatch {
  /** The first attempt, or the queue if an earlier request has the same key. */
  begin(item: Item): void;
  giveUp(item: Item, name: "cancelled" | "expired" | "elsewhere", error?: unknown): void;
  refuse(item: Item, reason: RefusedReason, response?: Response | null): void;
}

const MAX_LOST = 5;
/** A lost connection says nothing about the models; the line, or else the pause between tries, says when. */
const LOST: Refusal = { snapshot: null, retryAfterMs: 1_000 };
/** Due as soon as the server answers at all. */
const ANY_SCOPE: readonly string[] = [];
/** An earlier request of the same key is not done yet. */
const BEHIND: Refusal = { snapshot: null, retryAfterMs: 0 };

export function createDispatch(
  { seams, readiness, shelf }: ReadyFetchOptions,
  limits: QueueLimits,
  room: WaitingRoom,
  pump: () => void,
): Dispatch & { send(item: Item): void } {
  const now = () => seams.clock.now();
  // A browser's own `fetch` may be called on its own, but not as a method of something else.
  const { fetch } = seams;

  async function send(item: Item): Promise<void> {
    try {
      const request = isListed(item.entry) ? await claim(item) : item.request;
      if (request === null) return;
      const response = await fetch(request.url, { ...request.init, signal: wireSignal(item) });
      const refusal = await readRefusal(response, now(), request.idempotent);
      if (refusal) wait(item, refusal, response);
      else finish(item, "settled", () => item.resolve(response));
    } catch (error) {
      broke(item, error);
    }
  }

  /** What goes out now; `null` when it left meanwhile, or went to another page. */
  async function claim(item: Item): Promise<Replayable | null> {
    room.change(item, { state: "sending" });
    const request = shelf ? await shelf.claim(item.entry, item.request) : item.request;
    if (!room.has(item)) return null;
    if (request) room.tell("sent", item.entry);
    else giveUp(item, "elsewhere");
    return request;
  }

  function broke(item: Item, error: unknown): void {
    item.lost += 1;
    if (mayResend(item.request, error) && item.lost < MAX_LOST) wait(item, LOST);
    else finish(item, "failed", () => item.reject(error));
  }

  function wait(item: Item, refusal: Refusal, response: Response | null = null): void {
    if (!room.has(item)) return;
    const { entry, request } = item;
    const isNew = !isListed(entry);
    const reason = isNew && refuses(room.list(), request.bytes, limits);
    if (reason) return refuse(item, reason, response);
    room.change(item, {
      ...whenAgain(item, refusal, now(), seams.random),
      ...(isNew && { deadlineAt: latest(entry) }),
    });
    item.spreadMs = refusal === BEHIND ? 0 : seams.random() * limits.spreadMs;
    shelf?.put(item.entry, request);
    room.tell(isNew ? "queued" : "requeued", item.entry);
    // Readiness is read after the entry stands in the room: a "ready" that came in between is not lost.
    if (refusal.snapshot !== null) readiness?.acceptRefusal(refusal.snapshot);
    pump();
  }

  const latest = (entry: QueueEntry) => Math.min(entry.deadlineAt, now() + limits.maxAgeMs);

  function finish(item: Item, name: QueueEventName, settle: () => void, reason?: RefusedReason): void {
    if (!room.leave(item)) return;
    settle();
    const wasListed = isListed(item.entry);
    if (wasListed) shelf?.remove(item.entry.id);
    if (wasListed || reason || name === "expired") room.tell(name, item.entry, reason);
    pump();
  }

  const giveUp: Dispatch["giveUp"] = (item, name, error = new QueueError(name)) => {
    // Before the next of its key goes out.
    item.abort.abort(error);
    finish(item, name, () => item.reject(error));
  };

  const refuse: Dispatch["refuse"] = (item, reason, response) =>
    finish(item, "refused", () => item.reject(new QueueError(reason, response)), reason);

  return {
    send,
    giveUp,
    refuse,
    begin(item) {
      if (room.has(item) && isBehind(room.entries(), item.entry)) wait(item, BEHIND);
      else if (room.has(item)) void send(item);
    },
  };
}

/** A refusal comes from a server that is there: what was lost before it lengthens no pause. */
function whenAgain(
  { entry, lost }: Item,
  refusal: Refusal,
  now: number,
  random: Random,
): Partial<QueueEntry> {
  const attempts = entry.attempts + (refusal === BEHIND ? 0 : 1);
  const isLost = refusal === LOST;
  return {
    state: "waiting",
    attempts,
    scope: isLost ? (entry.scope ?? ANY_SCOPE) : (refusal.snapshot?.scope ?? null),
    notBefore: now + pauseBefore(isLost ? lost : attempts - lost, random),
    askAgainAt: now + refusal.retryAfterMs,
  };
}

/** The caller's own signal stays on the wire, so that it also ends the reading of the answer's body. */
function wireSignal({ abort, request }: Item): AbortSignal {
  const own = request.init.signal;
  return own && "any" in AbortSignal ? AbortSignal.any([own, abort.signal]) : abort.signal;
}

function mayResend(request: Replayable, error: unknown): boolean {
  return request.idempotent && request.bytes < NEVER && (error as Error | null)?.name !== "AbortError";
}

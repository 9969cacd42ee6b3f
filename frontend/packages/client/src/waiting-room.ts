import { NEVER, type QueueEntry, type RefusedReason } from "./queue.ts";
import type { Replayable } from "./replay.ts";
import { safely } from "./safely.ts";

export type QueueEventName =
  | "queued"
  | "sent"
  | "requeued"
  | "settled"
  | "failed"
  | "cancelled"
  | "expired"
  | "elsewhere"
  | "refused";

export interface QueueEvent {
  name: QueueEventName;
  id: string;
  label: string;
  /** Of `refused`. */
  reason?: RefusedReason;
}

export interface QueuedRequest extends QueueEntry {
  readonly state: "waiting" | "sending";
  /** 1 goes first. */
  readonly position: number;
}

export interface RequestQueue {
  /** The same array until something changes. */
  list(): readonly QueuedRequest[];
  /** Its promise rejects with a `QueueError` "cancelled". `false`: no such request waits. */
  cancel(id: string): boolean;
  cancelAll(): void;
  subscribe(listener: () => void): () => void;
}

/** One request from its call to its end; `entry` is what the pure part knows of it. */
export interface Item {
  entry: QueueEntry;
  request: Replayable;
  abort: AbortController;
  /** Connections lost after it may have gone out. */
  lost: number;
  /** Drawn anew for each wait: how long it lets others go first once it is due. */
  spreadMs: number;
  resolve(response: Response): void;
  reject(error: unknown): void;
  release(): void;
}

export interface WaitingRoom extends Omit<RequestQueue, "cancel" | "cancelAll"> {
  entries(): QueueEntry[];
  /** Stands in the order of the calls: whoever called first goes first, however late it was refused. */
  add(item: Item, calledAt?: number): void;
  find(id: string): Item | undefined;
  has(item: Item): boolean;
  change(item: Item, changes: Partial<QueueEntry>): void;
  /** `false`: it had left before. */
  leave(item: Item): boolean;
  tell(name: QueueEventName, entry: QueueEntry, reason?: RefusedReason): void;
}

export function isListed(entry: QueueEntry): entry is QueuedRequest {
  return entry.state !== "first";
}

/** Who is here, in what order, and who is told about it. */
export function createWaitingRoom(onEvent: ((event: QueueEvent) => void) | undefined): WaitingRoom {
  const items: Item[] = [];
  const listeners = new Set<() => void>();
  let listed: readonly QueuedRequest[] = [];

  const entries = () => items.map(({ entry }) => entry);

  function relist(): void {
    listed = entries()
      .filter(isListed)
      .map((entry, index) => ({ ...entry, position: index + 1 }));
    for (const listener of [...listeners]) safely(listener);
  }

  return {
    entries,
    list: () => listed,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    add(item, calledAt = NEVER) {
      const after = items.findIndex(({ entry }) => entry.queuedAt > calledAt);
      items.splice(after < 0 ? items.length : after, 0, item);
      if (isListed(item.entry)) relist();
    },
    find: (id) => items.find(({ entry }) => entry.id === id),
    has: (item) => items.includes(item),
    change(item, changes) {
      item.entry = { ...item.entry, ...changes };
      if (isListed(item.entry)) relist();
    },
    leave(item) {
      const index = items.indexOf(item);
      if (index < 0) return false;
      items.splice(index, 1);
      item.release();
      if (isListed(item.entry)) relist();
      return true;
    },
    tell(name, { id, label }, reason) {
      safely(() => onEvent?.({ name, id, label, ...(reason && { reason }) }));
    },
  };
}

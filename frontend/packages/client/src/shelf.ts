import type { QueueEntry } from "./queue.ts";
import type { Replayable } from "./replay.ts";

/** Where requests that wait are kept beyond the page: the seam between the queue and IndexedDB. */
export interface Shelf {
  /** Begins every id of this page, so that no other page's is the same. */
  readonly idPrefix: string;
  /** Hands in what pages that are gone left behind, now and from time to time. */
  start(door: ShelfDoor): void;
  stop(): void;
  /** It waits, or waits again. */
  put(entry: QueueEntry, request: Replayable): void;
  /**
   * Asked right before it goes out, so that a page that dies leaves word that it was under way. Gives what to send;
   * `null` when another page has taken it over. Rejects when that word cannot be left: then it must not go out.
   */
  claim(entry: QueueEntry, request: Replayable): Promise<Replayable | null>;
  remove(id: string): void;
}

export interface ShelfDoor {
  /** Whether the bounds leave room for so many bytes more. */
  hasRoom(bytes: number): boolean;
  /** The request waits here from now on, as it did where it came from. */
  adopt(entry: QueueEntry, request: Replayable): Promise<Response>;
}

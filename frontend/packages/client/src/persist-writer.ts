import type { Database } from "./persist-database.ts";
import { type Row, toRow } from "./persist-row.ts";
import type { QueueEntry } from "./queue.ts";
import type { Replayable } from "./replay.ts";

/** This page's own rows: written one after another, in the order of the calls, and never over another page's. */
export interface Writer {
  put(entry: QueueEntry, request: Replayable): void;
  /** Marks the row as under way. "gone": it is another page's now. "unkept": there is none, memory is all there is. */
  claim(entry: QueueEntry): Promise<"mine" | "gone" | "unkept">;
  remove(id: string): void;
  /** Taken over from a page that died. */
  keep(id: string): void;
  /** After a failure nothing is written until storage has answered again. */
  setBroken(isBroken: boolean): void;
}

export interface WriterOptions {
  owner: string;
  database: Database;
  /** Resolves once other pages can see that this one lives: before that its rows would look left behind. */
  announce(): Promise<unknown>;
  shouldKeep(entry: QueueEntry): boolean;
  onUnkept(id: string, reason: "body" | "storage", error?: unknown): void;
}

export function createWriter({ owner, database, announce, shouldKeep, onUnkept }: WriterOptions): Writer {
  const kept = new Set<string>();
  let tail: Promise<unknown> = Promise.resolve();
  let isBroken = false;

  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = tail.then(work);
    tail = result.catch(() => {});
    return result;
  }

  const whenMine = (id: string, change: (row: Row) => Row | null) =>
    database.exchange(id, (row) => (row?.owner === owner ? change(row) : undefined));

  function lose(id: string, error: unknown): void {
    isBroken = true;
    if (kept.delete(id)) onUnkept(id, "storage", error);
  }

  async function add(row: Row): Promise<void> {
    if (isBroken) throw new Error("The browser's storage failed before.");
    await announce();
    await database.exchange(row.id, () => row);
  }

  return {
    keep: (id) => void kept.add(id),
    setBroken(value) {
      isBroken = value;
    },
    put(entry, request) {
      const { id } = entry;
      if (kept.has(id)) {
        inTurn(() => whenMine(id, (row) => ({ ...row, entry }))).catch((error) => lose(id, error));
        return;
      }
      // A second wait of a request that could not be kept the first time is no news.
      if (entry.attempts > 1 || !shouldKeep(entry)) return;
      const row = toRow(entry, request, owner);
      if (row === null) return onUnkept(id, "body");
      kept.add(id);
      inTurn(() => add(row)).catch((error) => lose(id, error));
    },
    async claim(entry) {
      const { id } = entry;
      if (!kept.has(id)) return "unkept";
      let isMine = false;
      const mark = (row: Row) => {
        isMine = true;
        return { ...row, entry };
      };
      try {
        await inTurn(() => whenMine(id, mark));
        if (kept.has(id)) return isMine ? "mine" : "gone";
      } catch (error) {
        // Without the mark a later page would send it again, so the row has to go first; if it cannot, this rejects.
        await inTurn(() => whenMine(id, () => null));
        lose(id, error);
      }
      return "unkept";
    },
    remove(id) {
      if (kept.delete(id))
        inTurn(() => whenMine(id, () => null)).catch((error) => onUnkept(id, "storage", error));
    },
  };
}

import type { Row } from "./persist-row.ts";
import type { Timers } from "./seams.ts";

/** IndexedDB, as far as the shelf needs it: rows that change in one transaction each, and signs of life of pages. */
export interface Database {
  rows(): Promise<Row[]>;
  /** `change` gives the row to keep, `null` to delete it, `undefined` to leave it. Nobody comes in between. */
  exchange(id: string, change: (row: Row | undefined) => Row | null | undefined): Promise<void>;
  /** Says that this page lives, and gives the pages that said so after `since`, milliseconds of the wall clock. */
  beat(owner: string, now: number, since: number): Promise<string[]>;
}

interface Beat {
  owner: string;
  at: number;
}

const VERSION = 1;
const DEADLINE_MS = 3_000;

/** Rejects after three seconds, unless it is cleared before. */
function deadline(timers: Timers): { tooLate: Promise<never>; clear(): void } {
  let timer: unknown;
  const tooLate = new Promise<never>((_, reject) => {
    timer = timers.set(() => reject(new Error("The browser's storage did not answer.")), DEADLINE_MS);
  });
  return { tooLate, clear: () => timers.clear(timer) };
}

/** What `work` gives; rejects when that takes longer than three seconds. */
export async function inTime<Result>(timers: Timers, work: Promise<Result>): Promise<Result> {
  const { tooLate, clear } = deadline(timers);
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clear();
  }
}

/** Every call rejects when storage is missing, blocked, full, or silent for three seconds. */
export function openDatabase(name: string, factory: () => IDBFactory, timers: Timers): Database {
  let opened: Promise<IDBDatabase> | null = null;

  function connect(): Promise<IDBDatabase> {
    const forget = () => {
      opened = null;
    };
    opened ??= open(name, factory, forget);
    opened.catch(forget);
    return opened;
  }

  async function transact<Result>(
    store: "requests" | "pages",
    mode: IDBTransactionMode,
    work: (store: IDBObjectStore) => () => Result,
  ): Promise<Result> {
    const { tooLate, clear } = deadline(timers);
    let transaction: IDBTransaction | null = null;
    try {
      const database = await Promise.race([connect(), tooLate]);
      transaction = database.transaction(store, mode);
      const result = work(transaction.objectStore(store));
      await Promise.race([completed(transaction), tooLate]);
      return result();
    } catch (error) {
      abort(transaction);
      throw error;
    } finally {
      clear();
    }
  }

  return {
    rows: () =>
      transact("requests", "readonly", (store) => {
        const all: IDBRequest<Row[]> = store.getAll();
        return () => all.result;
      }),
    exchange: (id, change) =>
      transact("requests", "readwrite", (store) => {
        const found: IDBRequest<Row | undefined> = store.get(id);
        found.onsuccess = () => {
          const row = change(found.result);
          if (row === null) store.delete(id);
          else if (row) store.put(row);
        };
        return () => undefined;
      }),
    beat: (owner, at, since) =>
      transact("pages", "readwrite", (store) => {
        store.put({ owner, at } satisfies Beat);
        const all: IDBRequest<Beat[]> = store.getAll();
        all.onsuccess = () => {
          for (const beat of all.result) if (beat.at <= since) store.delete(beat.owner);
        };
        return () => all.result.filter((beat) => beat.at > since).map((beat) => beat.owner);
      }),
  };
}

function open(name: string, factory: () => IDBFactory, forget: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    // Where storage is forbidden, already looking at `indexedDB` throws.
    const request = factory().open(name, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("requests", { keyPath: "id" });
      request.result.createObjectStore("pages", { keyPath: "owner" });
    };
    request.onsuccess = () => {
      const database = request.result;
      database.onclose = forget;
      database.onversionchange = () => {
        database.close();
        forget();
      };
      resolve(database);
    };
    request.onerror = () => reject(request.error);
  });
}

function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("The browser's storage gave up."));
  });
}

/** What comes too late must not be written after all. */
function abort(transaction: IDBTransaction | null): void {
  try {
    transaction?.abort();
  } catch {
    // It is over already.
  }
}

/** `@greenroom/client/persist`: requests that wait survive the page, and are sent by exactly one. */
import { inTime, openDatabase } from "./persist-database.ts";
import { createOwner, type Locks } from "./persist-owner.ts";
import { fromRow, type Row, withHeaders } from "./persist-row.ts";
import { createWriter } from "./persist-writer.ts";
import type { QueueEntry } from "./queue.ts";
import { QueueError } from "./queue-error.ts";
import type { Clock, Random, Timers } from "./seams.ts";
import type { Shelf, ShelfDoor } from "./shelf.ts";

/** How a request ended whose page is gone, and its promise with it. */
export type KeptResult = { id: string; label: string } & ({ response: Response } | { error: unknown });

/** A request waits in memory only: its body cannot be kept, or the browser's storage cannot be used. */
export interface KeptEvent {
  name: "memory_only";
  /** `null`: what earlier pages left could not be read. */
  id: string | null;
  reason: "body" | "storage";
  error?: unknown;
}

export interface KeptRequestsOptions {
  /**
   * The answer, or why there is none: a `QueueError` "uncertain" when the page died while a request that must not
   * be repeated was under way, "expired" when its deadline passed.
   */
  onResult(result: KeptResult): void;
  /**
   * Headers for a request of an earlier page, asked each time it goes out. Of its own only Content-Type, Accept,
   * Prefer and Idempotency-Key are stored: no Authorization, no API key, no cookie.
   */
  headers?(entry: QueueEntry): HeadersInit | Promise<HeadersInit>;
  /** Which requests may be stored; URL and body are stored as they are. Default: all. */
  shouldKeep?(entry: QueueEntry): boolean;
  onEvent?(event: KeptEvent): void;
  /** Of the database and the locks. Default: "greenroom-queue". */
  name?: string;
  /** For tests, and for places that are no browser. */
  seams?: Partial<KeptSeams>;
}

export interface KeptSeams {
  clock: Clock;
  timers: Timers;
  random: Random;
  indexedDB: () => IDBFactory;
  locks: Locks | undefined;
}

/** How often a page looks for what dead pages left, and says that it lives where there are no Web Locks. */
const LOOK_MS = 10_000;

/**
 * Three facts make "sent by one page, once" hold. A row belongs to one page; before a request goes out, one
 * transaction checks that and marks the row as under way; and a row that was under way when its page died may have
 * reached a handler, so that it is sent again only if it is idempotent, else reported as uncertain.
 */
export function keptRequests(options: KeptRequestsOptions): Shelf {
  const seams: KeptSeams = { ...browserStorage(), ...options.seams };
  const name = options.name ?? "greenroom-queue";
  const me = newName(seams.random);
  const database = openDatabase(name, seams.indexedDB, seams.timers);
  const owner = createOwner(me, name, database, seams.locks);
  // Web Locks that never answer must not keep a request from going out.
  const living = () => inTime(seams.timers, owner.alive(seams.clock.now()));
  const adopted = new Set<string>();
  const unkept = (id: string | null, reason: KeptEvent["reason"], error?: unknown) =>
    options.onEvent?.({ name: "memory_only", id, reason, ...(error !== undefined && { error }) });
  const writer = createWriter({
    owner: me,
    database,
    announce: living,
    shouldKeep: options.shouldKeep ?? (() => true),
    onUnkept: unkept,
  });

  /** Two pages may try at once: the transaction decides. */
  async function take(door: ShelfDoor, seen: Row): Promise<void> {
    let row: Row | null = null as Row | null;
    await database.exchange(seen.id, (found) => {
      if (found?.owner !== seen.owner) return undefined;
      row = { ...found, owner: me };
      return isUncertain(found) ? null : row;
    });
    if (row === null) return;
    if (isUncertain(row) || hasPlace(door, row)) replay(door, row);
    // The last place went to somebody else meanwhile: it stays left behind, for the next look.
    else await database.exchange(seen.id, (found) => found && { ...found, owner: seen.owner });
  }

  /** What is too old needs none: it only has to be told. */
  const hasPlace = (door: ShelfDoor, { entry }: Row) =>
    entry.deadlineAt <= seams.clock.now() || door.hasRoom(entry.bytes);

  function replay(door: ShelfDoor, row: Row): void {
    const { id, entry } = row;
    const end = (result: { response: Response } | { error: unknown }) => {
      adopted.delete(id);
      options.onResult({ id, label: entry.label, ...result });
    };
    if (isUncertain(row)) return end({ error: new QueueError("uncertain") });
    adopted.add(id);
    writer.keep(id);
    door.adopt({ ...entry, state: "waiting" }, fromRow(row)).then(
      (response) => end({ response }),
      (error: unknown) => end({ error }),
    );
  }

  async function look(door: ShelfDoor): Promise<void> {
    const alive = await living();
    const left = (await database.rows()).filter((row) => row.owner !== me && !alive.has(row.owner));
    left.sort((one, other) => one.entry.queuedAt - other.entry.queuedAt);
    writer.setBroken(false);
    for (const row of left) if (isUncertain(row) || hasPlace(door, row)) await take(door, row);
  }

  return {
    idPrefix: `${me}-`,
    ...createRounds(seams.timers, look, (error) => {
      writer.setBroken(true);
      unkept(null, "storage", error);
    }),
    put: writer.put,
    remove: writer.remove,
    async claim(entry, request) {
      const isAdopted = adopted.has(entry.id);
      // First of all: a callback that fails must not leave word that the request was under way.
      const ready = isAdopted ? withHeaders(request, await options.headers?.(entry)) : request;
      return (await writer.claim(entry)) === "gone" ? null : ready;
    },
  };
}

/** One look after another while started; a failure is told once until a look succeeds. */
function createRounds(
  timers: Timers,
  look: (door: ShelfDoor) => Promise<void>,
  onFailure: (error: unknown) => void,
): Pick<Shelf, "start" | "stop"> {
  let timer: unknown = null;
  let round = 0;
  let hasFailed = false;

  async function run(door: ShelfDoor, own: number): Promise<void> {
    try {
      await look(door);
      hasFailed = false;
    } catch (error) {
      if (!hasFailed) onFailure(error);
      hasFailed = true;
    }
    if (own === round) timer = timers.set(() => void run(door, own), LOOK_MS);
  }

  const stop = () => {
    round += 1;
    timers.clear(timer);
  };
  return {
    stop,
    start(door) {
      stop();
      void run(door, round);
    },
  };
}

function isUncertain(row: Row): boolean {
  return row.entry.state === "sending" && !row.idempotent;
}

function browserStorage(): KeptSeams {
  return {
    clock: Date,
    timers: {
      set: (callback, milliseconds) => setTimeout(callback, milliseconds),
      clear: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
    },
    random: Math.random,
    indexedDB: () => globalThis.indexedDB,
    locks: globalThis.navigator?.locks,
  };
}

/** No secret: only unlike every other page's. */
function newName(random: Random): string {
  return `p${Array.from({ length: 12 }, () => Math.floor(random() * 36).toString(36)).join("")}`;
}

import type { Database } from "./persist-database.ts";

/**
 * Which pages live. A page that holds a Web Lock under its name loses it when it dies, at once and for sure. Without
 * Web Locks (no secure context) a page gives signs of life; background tabs may be as slow as one in a minute, so that
 * it counts as dead only after 150 s. A page that is taken for dead too early does no harm: whoever sends a row
 * asks first, in one transaction, whether the row is still theirs.
 */
export interface Owner {
  readonly name: string;
  /** The names of the pages that live, this one included. */
  alive(now: number): Promise<Set<string>>;
}

export type Locks = Pick<LockManager, "request" | "query">;

const DEAD_AFTER_MS = 150_000;

export function createOwner(
  name: string,
  prefix: string,
  database: Database,
  locks: Locks | undefined,
): Owner {
  const lockName = (owner: string) => `${prefix}:${owner}`;
  let held: Promise<boolean> | null = null;

  /** Held as long as the page lives: nothing ever lets it go. */
  function hold(): Promise<boolean> {
    held ??= new Promise((resolve) => {
      if (!locks) return resolve(false);
      locks
        .request(lockName(name), () => {
          resolve(true);
          return new Promise(() => {});
        })
        .catch(() => resolve(false));
    });
    return held;
  }

  return {
    name,
    async alive(now) {
      if (locks && (await hold())) {
        const names = ((await locks.query()).held ?? []).map((lock) => lock.name ?? "");
        return new Set(names.map((each) => each.slice(lockName("").length)));
      }
      return new Set(await database.beat(name, now, now - DEAD_AFTER_MS));
    },
  };
}

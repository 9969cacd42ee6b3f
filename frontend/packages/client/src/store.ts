import type { LinkStatus } from "./link.ts";
import type { InitState } from "./protocol.gen.ts";
import {
  accept,
  INITIAL_READINESS,
  isSameView,
  type ReadinessState,
  type ReadinessView,
  view,
} from "./readiness.ts";
import { project, scopeKey } from "./scope.ts";
import type { Clock } from "./seams.ts";

export interface ReadinessStore {
  /** From the link: speaks for the server's own scope. An older snapshot changes nothing. */
  accept(snapshot: InitState): void;
  /** From the body of a refusal: speaks for the models that one call needs. */
  acceptRefusal(snapshot: InitState): void;
  setLink(link: LinkStatus): void;
  /** Lets the countdowns follow the clock. */
  tick(): void;
  /** The same object until something a person can see has changed. */
  getView(scope?: readonly string[] | null): ReadinessView;
  /** `null` when nothing here can tell. */
  isReady(scope: readonly string[] | null): boolean | null;
  subscribe(listener: () => void): () => void;
}

interface Entry {
  scope: readonly string[] | null;
  state: ReadinessState;
  view: ReadinessView;
}

const IDLE: LinkStatus = { state: "idle", code: 0, reason: "not started" };
/** Scopes come from code, not from people; this only keeps a mistake from growing without end. */
const MAX_SCOPES = 32;

export function createReadinessStore(clock: Clock): ReadinessStore {
  const listeners = new Set<() => void>();
  const entries = new Map<string, Entry>();
  let link = IDLE;
  const main = newEntry(null);
  entries.set("", main);

  function newEntry(scope: readonly string[] | null): Entry {
    const state = INITIAL_READINESS;
    return { scope, state, view: view(state, link, clock.now()) };
  }

  function entryOf(scope: readonly string[] | null): Entry {
    const key = scopeKey(scope);
    const known = entries.get(key);
    if (known) return known;
    const entry = newEntry(scope);
    if (entries.size < MAX_SCOPES) entries.set(key, entry);
    const snapshot = main.state.snapshot;
    if (snapshot !== null) feed(entry, snapshot);
    return entry;
  }

  function feed(entry: Entry, snapshot: InitState): void {
    const part = entry.scope === null ? snapshot : project(snapshot, entry.scope);
    if (part === null) return;
    entry.state = accept(entry.state, part, clock.now());
    refresh(entry);
  }

  function refresh(entry: Entry): boolean {
    const next = view(entry.state, link, clock.now());
    if (isSameView(entry.view, next)) return false;
    entry.view = next;
    return true;
  }

  function refreshAll(): void {
    const changed = [...entries.values()].map(refresh);
    if (changed.some(Boolean)) notify();
  }

  function notify(): void {
    for (const listener of [...listeners]) listener();
  }

  function acceptAll(snapshot: InitState): void {
    for (const entry of entries.values()) feed(entry, snapshot);
    notify();
  }

  /** Without news of its own no scope can be waited for: the asker must ask again by the clock. */
  function isFollowed(scope: readonly string[] | null): boolean {
    const { snapshot } = main.state;
    return snapshot !== null && (scope === null || project(snapshot, scope) !== null);
  }

  return {
    accept: acceptAll,
    acceptRefusal(snapshot) {
      const known = main.state.snapshot;
      if (known !== null && scopeKey(known.scope) === scopeKey(snapshot.scope)) return acceptAll(snapshot);
      feed(entryOf(snapshot.scope), snapshot);
      notify();
    },
    setLink(status) {
      link = status;
      refreshAll();
    },
    tick: refreshAll,
    getView: (scope = null) => entryOf(scope).view,
    isReady(scope) {
      if (link.state === "stopped" || !isFollowed(scope)) return null;
      return entryOf(scope).state.snapshot?.ready ?? null;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

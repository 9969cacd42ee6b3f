import { IDLE, type LinkStatus } from "./link-status.ts";
import type { InitState } from "./protocol.gen.ts";
import {
  accept,
  INITIAL_READINESS,
  isMoving,
  isSameView,
  looked,
  type ReadinessState,
  type ReadinessView,
  view,
} from "./readiness.ts";
import { safely } from "./safely.ts";
import { project, scopeKey } from "./scope.ts";
import type { Clock } from "./seams.ts";

export interface ReadinessStore {
  /** From the link: speaks for the server's own scope. An older snapshot changes nothing. */
  accept(snapshot: InitState): void;
  /** From the body of a refusal: speaks for the models that one call needs. */
  acceptRefusal(snapshot: InitState): void;
  setLink(link: LinkStatus): void;
  /** Lets the countdowns follow the clock; `false` when the clock alone changes nothing until more is heard. */
  tick(): boolean;
  /** The same object until something a person can see has changed. */
  getView(scope?: readonly string[] | null): ReadinessView;
  /** Of no model at all (`[]`): whether the server answers. `null` when nothing here can tell. */
  isReady(scope: readonly string[] | null): boolean | null;
  subscribe(listener: () => void): () => void;
}

interface Entry {
  scope: readonly string[] | null;
  state: ReadinessState;
  view: ReadinessView;
}

/** Scopes come from code, not from people; this only keeps a mistake from growing without end. Beyond it a view is
 * another object each time, so it has to be more than any page shows. */
const MAX_SCOPES = 1_000;

export function createReadinessStore(clock: Clock): ReadinessStore {
  const listeners = new Set<() => void>();
  const entries = new Map<string, Entry>();
  let link = IDLE;
  const main = entryOf(null);

  function entryOf(scope: readonly string[] | null): Entry {
    const key = scopeKey(scope);
    const known = entries.get(key);
    if (known) return known;
    const state = INITIAL_READINESS;
    const entry: Entry = { scope, state, view: view(state, link, clock.now()) };
    if (entries.size < MAX_SCOPES) entries.set(key, entry);
    if (scope !== null) feed(entry, main.state.snapshot);
    return entry;
  }

  function feed(entry: Entry, snapshot: InitState | null): void {
    const part = snapshot && entry.scope ? project(snapshot, entry.scope) : snapshot;
    if (part === null) return;
    entry.state = accept(entry.state, part, clock.now());
    refresh(entry);
  }

  function refresh(entry: Entry): void {
    entry.state = looked(entry.state, clock.now());
    const next = view(entry.state, link, clock.now());
    if (!isSameView(entry.view, next)) entry.view = next;
  }

  /** Listeners hear of it only when a person could see it. */
  function change(update: (entry: Entry) => void, changed: Iterable<Entry> = entries.values()): void {
    let isSeen = false;
    for (const entry of [...changed]) {
      const before = entry.view;
      update(entry);
      isSeen ||= entry.view !== before;
    }
    if (isSeen) for (const listener of [...listeners]) safely(listener);
  }

  function acceptAll(snapshot: InitState): void {
    change((entry) => feed(entry, snapshot));
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
      // Which life of the server is today's, the link alone says: another server may stand behind another address, and
      // taking its word would retire ours.
      if (known !== null && known.epoch !== snapshot.epoch) return;
      if (known !== null && scopeKey(known.scope) === scopeKey(snapshot.scope)) return acceptAll(snapshot);
      // Rounds are counted per scope; what is shown of this one comes from the followed scope, with its count.
      const round = known !== null && isFollowed(snapshot.scope) ? known.round : snapshot.round;
      change((entry) => feed(entry, { ...snapshot, round }), [entryOf(snapshot.scope)]);
    },
    setLink(status) {
      link = status;
      change(refresh);
    },
    tick() {
      change(refresh);
      return [...entries.values()].some((entry) => isMoving(entry.view));
    },
    getView: (scope = null) => entryOf(scope).view,
    isReady(scope) {
      const { state } = link;
      const isAny = scope?.length === 0;
      if (state === "stopped" || !(isAny || isFollowed(scope))) return null;
      // What was known of a server that cannot be reached is no reason to send.
      if (state === "reconnecting" || state === "offline") return false;
      if (isAny) return state === "live" || state === "polling" || null;
      return entryOf(scope).state.snapshot?.ready ?? null;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

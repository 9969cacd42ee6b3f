import type { ServerMessage } from "./messages.ts";
import type { InitState } from "./protocol.gen.ts";
import type { Clock } from "./seams.ts";

const DEFAULT_HEARTBEAT_MS = 10_000;
const HEARTBEAT_GRACE_MS = 2_000;
const WHILE_LOADING_MS = 5_000;

/**
 * How long a silent socket is believed. While an automatic step is under way the server speaks every second, so
 * five are proof enough. When it has failed or waits for its next try nothing is promised but heartbeats.
 */
export function patienceMs(snapshot: InitState | null, heartbeatMs: number = DEFAULT_HEARTBEAT_MS): number {
  const usual = 2 * heartbeatMs + HEARTBEAT_GRACE_MS;
  if (snapshot === null || snapshot.ready || snapshot.status === "error") return usual;
  const isWaiting = snapshot.models.some((model) => model.retry_at !== null);
  return isWaiting ? usual : Math.min(usual, WHILE_LOADING_MS);
}

/** Listens to one socket after another, and knows how long their silence means nothing. */
export interface Ear {
  /** A new socket: nothing was heard of it yet. */
  open(): void;
  /** `null`: something came that this version does not know. */
  hear(message: ServerMessage | null): void;
  hasHeard(): boolean;
  /** Since anything was heard, or since the socket was opened. */
  silenceMs(): number;
  /** How much more silence is believed; 0 or less: this socket is dead. */
  restMs(): number;
}

/** A proxy may swallow an upgrade without ever answering it. */
const CONNECT_MS = 10_000;

export function createEar(clock: Clock): Ear {
  let heardAt = 0;
  let hasHeard = false;
  let latest: InitState | null = null;
  let heartbeatMs: number | undefined;

  function silenceMs(): number {
    // A wall clock that was set back must not keep a dead socket alive.
    heardAt = Math.min(heardAt, clock.now());
    return clock.now() - heardAt;
  }

  return {
    silenceMs,
    hasHeard: () => hasHeard,
    restMs: () => (hasHeard ? patienceMs(latest, heartbeatMs) : CONNECT_MS) - silenceMs(),
    open() {
      heardAt = clock.now();
      hasHeard = false;
    },
    hear(message) {
      heardAt = clock.now();
      hasHeard ||= message !== null;
      if (message?.type === "hello") heartbeatMs = message.heartbeat_ms;
      if (message?.type === "initialization") latest = message;
    },
  };
}

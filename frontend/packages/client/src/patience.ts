import type { InitState } from "./protocol.gen.ts";

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

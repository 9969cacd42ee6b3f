import type { Random } from "./seams.ts";

const RECONNECT_BASE_MS = 500;
const RECONNECT_CEILING_MS = 20_000;
/** After "too many" or "too slow" the server wants rest, not persistence. */
const RECONNECT_LATER_FLOOR_MS = 5_000;
const POLL_STEPS_MS = [1_000, 2_000, 5_000] as const;

/**
 * Full jitter: anywhere between nothing and the doubled ceiling. A thousand pages that lost the same server must
 * not come back in step.
 */
export function reconnectDelay(attempt: number, random: Random): number {
  const ceiling = Math.min(RECONNECT_CEILING_MS, RECONNECT_BASE_MS * 2 ** attempt);
  return Math.round(random() * ceiling);
}

export function reconnectLaterDelay(attempt: number, random: Random): number {
  return RECONNECT_LATER_FLOOR_MS + reconnectDelay(attempt, random);
}

/** 1, 2, then always 5 seconds, each shortened by up to a half. */
export function pollDelay(attempt: number, random: Random): number {
  const step = POLL_STEPS_MS[Math.min(attempt, POLL_STEPS_MS.length - 1)] ?? 5_000;
  return Math.round(step * (0.5 + random() / 2));
}

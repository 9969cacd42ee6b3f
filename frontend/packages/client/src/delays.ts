import type { Random } from "./seams.ts";

const RECONNECT_BASE_MS = 500;
const RECONNECT_CEILING_MS = 20_000;
/** After "too many" or "too slow" the server wants rest, not persistence. */
const RECONNECT_LATER_FLOOR_MS = 5_000;
const POLL_STEPS_MS = [1_000, 2_000, 5_000];
const POLL_HIDDEN_MS = 30_000;
/** At once, but a thousand pages that lost the same server do not ask in the same millisecond. */
const FIRST_POLL_WITHIN_MS = 400;

/**
 * Full jitter: anywhere between nothing and the doubled ceiling. A thousand pages that lost the same server must
 * not come back in step.
 */
export function reconnectDelay(attempt: number, random: Random): number {
  return Math.round(random() * Math.min(RECONNECT_CEILING_MS, RECONNECT_BASE_MS * 2 ** attempt));
}

export function reconnectLaterDelay(attempt: number, random: Random): number {
  return RECONNECT_LATER_FLOOR_MS + reconnectDelay(attempt, random);
}

/** The first one at once; then 1, 2 and always 5 seconds, or 30 while nobody looks, each shortened by up to a half. */
export function pollDelay(attempt: number, random: Random, isHidden: boolean): number {
  if (attempt === 0) return Math.round(random() * FIRST_POLL_WITHIN_MS);
  const step = isHidden ? POLL_HIDDEN_MS : (POLL_STEPS_MS[attempt - 1] ?? 5_000);
  return Math.round(step * (0.5 + random() / 2));
}

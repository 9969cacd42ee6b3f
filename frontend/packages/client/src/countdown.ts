/**
 * A countdown that people can believe. Between two estimates it follows the wall clock. It jumps only when the
 * server's estimate really changed (by more than a tenth or five seconds), and the number on the screen never
 * rises: it stands still where it would rise a little. Where it would rise much, or where it ran out, it says "taking
 * longer than usual" until it can go on downwards.
 */
export interface Countdown {
  /** Wall clock, milliseconds. */
  readonly endsAt: number;
  /** The lowest number shown so far, or Infinity. */
  readonly lowestShown: number;
}

export type Remaining =
  | { readonly kind: "unknown" }
  | { readonly kind: "seconds"; readonly seconds: number }
  | { readonly kind: "longer" };

const UNKNOWN: Remaining = { kind: "unknown" };
const LONGER: Remaining = { kind: "longer" };
const MIN_CHANGE_MS = 5_000;
const MIN_CHANGE_SHARE = 0.1;
/** Estimates are whole seconds: two honest ones can differ by this much and mean the same moment. */
const ROUNDING_MS = 1_000;
/** A rise by no more than this is no news: the number stands still until the clock has caught up. */
const MIN_HELD_SECONDS = 2;
const HELD_SHARE = 0.25;

/** Takes a new estimate; `null` keeps what is known. */
export function withEstimate(
  countdown: Countdown | null,
  estimatedSeconds: number | null,
  now: number,
): Countdown | null {
  if (estimatedSeconds === null) return countdown;
  const endsAt = now + estimatedSeconds * 1_000;
  if (countdown === null) return { endsAt, lowestShown: estimatedSeconds };
  const shown = withLook(countdown, now);
  return isSameEstimate(countdown.endsAt, endsAt, now) ? shown : { ...shown, endsAt };
}

/** What the clock shows now was shown as well, whatever the clock or the next estimate says later. One that ran out
 * stays so: a number that comes and goes is believed by nobody. */
export function withLook(countdown: Countdown, now: number): Countdown {
  const lowestShown = Math.max(0, Math.ceil((countdown.endsAt - now) / 1_000));
  return lowestShown < countdown.lowestShown ? { ...countdown, lowestShown } : countdown;
}

function isSameEstimate(before: number, after: number, now: number): boolean {
  const difference = Math.abs(after - before);
  const threshold = Math.min(MIN_CHANGE_MS, (before - now) * MIN_CHANGE_SHARE);
  return difference <= Math.max(ROUNDING_MS, threshold);
}

export function remaining(countdown: Countdown | null, now: number): Remaining {
  if (countdown === null) return UNKNOWN;
  const { endsAt, lowestShown } = countdown;
  const seconds = Math.ceil((endsAt - now) / 1_000);
  const held = Math.max(MIN_HELD_SECONDS, lowestShown * HELD_SHARE);
  if (seconds < 1 || lowestShown < 1 || seconds > lowestShown + held) return LONGER;
  return { kind: "seconds", seconds: Math.min(seconds, lowestShown) };
}

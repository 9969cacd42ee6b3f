/**
 * The waiting room as plain data: who waits, for which models, how often it was tried, whose turn it is. Promises,
 * timers and fetch live in rooms of their own.
 */
export interface QueueEntry {
  readonly id: string;
  readonly label: string;
  readonly method: string;
  readonly url: string;
  readonly bytes: number;
  /** Requests with one key go out one after another, in the order of their calls. */
  readonly orderKey: string | null;
  /** `null`: nobody can say which models; the clock decides. */
  readonly scope: readonly string[] | null;
  /** `first`: the first attempt is under way, so that nothing waits yet. */
  readonly state: "first" | "waiting" | "sending";
  /** When it was asked for. */
  readonly queuedAt: number;
  readonly deadlineAt: number;
  /** Refusals and lost connections so far. */
  readonly attempts: number;
  /** Not before this, even when its models are ready. */
  readonly notBefore: number;
  /** When nothing tells about its models it goes out at this moment. */
  readonly askAgainAt: number;
}

export const NEVER = Number.POSITIVE_INFINITY;

export interface QueueLimits {
  maxCount: number;
  maxBytes: number;
  maxAgeMs: number;
  maxConcurrent: number;
  /** Requests that become due together are spread over this much time. */
  spreadMs: number;
}

export const DEFAULT_QUEUE_LIMITS: QueueLimits = {
  maxCount: 50,
  maxBytes: 1024 * 1024,
  maxAgeMs: 10 * 60_000,
  maxConcurrent: 2,
  // A person who waited for "ready" sees their request leave within a tenth of a second.
  spreadMs: 80,
};

/** What is not given, or given as `undefined`, is as by default: a bound must not fall away by an oversight. */
export function limitsOf(
  given: { [Name in keyof QueueLimits]?: QueueLimits[Name] | undefined },
): QueueLimits {
  const said = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...DEFAULT_QUEUE_LIMITS, ...Object.fromEntries(said) };
}

export type RefusedReason = "too_many" | "too_big" | "not_replayable";

/** Why it may not wait, or `null` when it may. `waiting`: those that wait already. */
export function refuses(
  waiting: readonly QueueEntry[],
  bytes: number,
  limits: QueueLimits,
): RefusedReason | null {
  if (bytes === NEVER) return "not_replayable";
  if (waiting.length >= limits.maxCount) return "too_many";
  const held = waiting.reduce((sum, entry) => sum + entry.bytes, 0);
  return held + bytes > limits.maxBytes ? "too_big" : null;
}

export type IsReady = (scope: readonly string[] | null) => boolean | null;

export function dueAt(entry: QueueEntry, isReady: IsReady): number {
  const ready = entry.scope && isReady(entry.scope);
  if (ready === null) return Math.max(entry.askAgainAt, entry.notBefore);
  return ready ? entry.notBefore : NEVER;
}

/** Whether an earlier request with the same key is still on its way or waiting. */
export function isBehind(entries: readonly QueueEntry[], entry: QueueEntry): boolean {
  return (
    entry.orderKey !== null && entries.find(({ orderKey }) => orderKey === entry.orderKey)?.id !== entry.id
  );
}

/** First come, first served, among those whose models are ready and whose turn it is, at most `free`. */
export function due(
  entries: readonly QueueEntry[],
  isReady: IsReady,
  now: number,
  limits: QueueLimits,
): QueueEntry[] {
  const free = limits.maxConcurrent - entries.filter((entry) => entry.state === "sending").length;
  return entries
    .filter((entry) => entry.state === "waiting" && dueAt(entry, isReady) <= now && !isBehind(entries, entry))
    .slice(0, Math.max(0, free));
}

/** When to look again if nothing is heard before: the next due moment or deadline. */
export function nextLook(entries: readonly QueueEntry[], isReady: IsReady, now: number): number {
  const moments = entries.flatMap((entry) =>
    entry.state === "waiting" ? [dueAt(entry, isReady), entry.deadlineAt] : [entry.deadlineAt],
  );
  return Math.min(...moments.filter((moment) => moment > now), NEVER);
}

const RETRY_BASE_MS = 500;
const RETRY_CEILING_MS = 20_000;

/** The first refusal costs no extra wait: readiness itself is the signal. Then doubling, with full jitter. */
export function pauseBefore(attempts: number, random: () => number): number {
  if (attempts <= 1) return 0;
  const ceiling = Math.min(RETRY_CEILING_MS, RETRY_BASE_MS * 2 ** (attempts - 1));
  return Math.round(RETRY_BASE_MS / 2 + random() * ceiling);
}

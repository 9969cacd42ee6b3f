import { asSnapshot, parseJson } from "./messages.ts";
import type { InitState } from "./protocol.gen.ts";

/**
 * A "not yet". It certainly reached no handler, so that the request can go again, whatever its method; but for a bare
 * 503, which a proxy also gives when the server went away under a request.
 */
export interface Refusal {
  /** The models it waits for; `null`: only the clock can tell. */
  snapshot: InitState | null;
  retryAfterMs: number;
}

const DEFAULT_RETRY_MS = 5_000;
/** Of a date only: with a wrong clock it could be hours away. A number is kept to; the queue's own bounds end it. */
const MAX_RETRY_MS = 60_000;
const CANDIDATES = new Set([202, 425, 429, 503]);

/** `null`: an answer like any other, for the caller. Reads a copy of the body, so that the caller still can. */
export async function readRefusal(
  response: Response,
  now: number,
  isIdempotent: boolean,
): Promise<Refusal | null> {
  if (!CANDIDATES.has(response.status)) return null;
  const header = response.headers.get("Retry-After");
  const retryAfterMs = parseRetryAfter(header, now);
  if (response.status === 429) return header === null ? null : { snapshot: null, retryAfterMs };
  // Reading a stream that only begins would keep its answer from the caller until it ends.
  if (response.status === 202 && !response.headers.get("Content-Type")?.includes("json")) return null;
  const snapshot = asSnapshot(parseJson(await response.clone().text()));
  const isAway = response.status === 503 && header !== null && isIdempotent;
  if (snapshot === null && response.status !== 425 && !isAway) return null;
  return { snapshot, retryAfterMs };
}

/** RFC 9110 section 10.2.3: seconds or a date. */
export function parseRetryAfter(value: string | null, now: number): number {
  if (value === null) return DEFAULT_RETRY_MS;
  const seconds = Number(value);
  const wait = Number.isFinite(seconds) ? seconds * 1_000 : Math.min(MAX_RETRY_MS, Date.parse(value) - now);
  return Number.isFinite(wait) ? Math.max(1_000, wait) : DEFAULT_RETRY_MS;
}

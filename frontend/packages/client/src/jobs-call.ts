import { browserSeams } from "./browser.ts";
import { CallError } from "./calls.ts";
import { reconnectDelay } from "./delays.ts";
import type { Greenroom } from "./greenroom.ts";
import { parseJson } from "./messages.ts";
import { parseRetryAfter } from "./refusal.ts";
import type { Seams, Timers } from "./seams.ts";

export interface JobsOptions {
  /** Where the server lives, with or without a path. Default: this page's own origin. */
  url?: string | undefined;
  /** Sent with every call; a browser's socket carries none. */
  headers?: HeadersInit | undefined;
  fetch?: Seams["fetch"] | undefined;
  /** For tests, and for places that are no browser. */
  seams?: Partial<Seams> | undefined;
}

/** A greenroom, whose server, `fetch` and clocks are taken, or these one by one. */
export type JobsCaller = Pick<Greenroom, "url" | "link" | "seams"> | JobsOptions;

export interface Connection {
  /** Without a slash at the end. */
  url: string;
  headers: HeadersInit;
  seams: Seams;
}

export function connect(caller: JobsCaller): Connection {
  if ("link" in caller) return { url: caller.url, headers: {}, seams: caller.seams };
  const { headers = {}, fetch } = caller;
  const seams = { ...browserSeams(), ...caller.seams, ...(fetch && { fetch }) };
  return { url: (caller.url ?? globalThis.location?.origin ?? "").replace(/\/+$/, ""), headers, seams };
}

/** A refusal that says when to come back. */
class LaterError extends CallError {
  readonly retryAfterMs: number;

  constructor(response: Response, body: unknown, retryAfterMs: number) {
    super(response, body);
    this.retryAfterMs = retryAfterMs;
  }
}

/** Browsers send no file that is not the one that was chosen, and tell the page of a lost connection instead. */
export class FileChangedError extends Error {
  constructor(cause: unknown) {
    super("The file has changed since it was chosen, or is gone. Choose it again.", { cause });
    this.name = "FileChangedError";
  }
}

const TEMPORARY = new Set([408, 425, 429, 502, 503, 504]);

/** Whether asking again may help: the connection broke, nothing came in time, or the server said "later". */
export function isTemporary(error: unknown): boolean {
  if (error instanceof CallError) return TEMPORARY.has(error.status);
  return !(error instanceof FileChangedError);
}

export async function requireOk(response: Response, { clock }: Seams): Promise<Response> {
  if (response.ok) return response;
  const body = parseJson(await response.text());
  const header = response.headers.get("Retry-After");
  if (header === null) throw new CallError(response, body);
  throw new LaterError(response, body, parseRetryAfter(header, clock.now()));
}

const CALL_MS = 30_000;

/** One call and its JSON, in bounded time. Rejects with a `CallError`, a `TimeoutError`, or as `fetch` does. */
export async function ask<Answer>(
  { url, headers, seams }: Connection,
  path: string,
  { signal, ...init }: RequestInit = {},
): Promise<{ answer: Answer; response: Response }> {
  return inTime(seams.timers, CALL_MS, signal, async (mine) => {
    const sent = { cache: "no-store" as const, headers, ...init, signal: mine };
    const response = await requireOk(await seams.fetch(url + path, sent), seams);
    const answer = parseJson(await response.text());
    if (answer === null) throw new CallError(response, null);
    return { answer: answer as Answer, response };
  });
}

/** Ends the work when it takes too long or is not wanted any more; `alive` gives it the whole time anew. */
export function inTime<Result>(
  timers: Timers,
  milliseconds: number,
  outer: AbortSignal | null | undefined,
  work: (signal: AbortSignal, alive: () => void) => Promise<Result>,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    if (outer?.aborted) return reject(outer.reason);
    const abort = new AbortController();
    let timer: unknown;
    const end = () => {
      timers.clear(timer);
      outer?.removeEventListener("abort", onAbort);
    };
    const giveUp = (reason: unknown) => {
      end();
      reject(reason);
      abort.abort(reason);
    };
    const onAbort = () => giveUp(outer?.reason);
    const alive = () => {
      timers.clear(timer);
      timer = timers.set(() => giveUp(new DOMException("No answer in time.", "TimeoutError")), milliseconds);
    };
    alive();
    outer?.addEventListener("abort", onAbort);
    work(abort.signal, () => abort.signal.aborted || alive())
      .then(resolve, reject)
      .finally(end);
  });
}

export const MAX_ATTEMPTS = 5;

/** Before the next try, no longer than half of the time left; rejects when it is not wanted any more. */
export function pauseAfter(
  error: unknown,
  attempt: number,
  { timers, random }: Seams,
  signal?: AbortSignal,
  leftMs = Number.POSITIVE_INFINITY,
): Promise<void> {
  const waitMs = Math.max(saidMs(error), Math.min(leftMs / 2, reconnectDelay(attempt, random)));
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      timers.clear(timer);
      reject(signal?.reason);
    };
    const timer = timers.set(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, waitMs);
    signal?.addEventListener("abort", onAbort);
  });
}

function saidMs(error: unknown): number {
  return error instanceof LaterError ? error.retryAfterMs : 0;
}

/** Only for what may be done twice. The server's own `Retry-After` is kept to, as far as the deadline allows. */
export async function persistently<Result>(
  seams: Seams,
  deadlineMs: number,
  signal: AbortSignal | undefined,
  work: (leftMs: number) => Promise<Result>,
): Promise<Result> {
  const endsAt = seams.clock.now() + deadlineMs;
  const leftMs = () => endsAt - seams.clock.now();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(leftMs());
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt === MAX_ATTEMPTS || !isTemporary(error) || leftMs() <= saidMs(error)) throw error;
      await pauseAfter(error, attempt, seams, signal, leftMs());
    }
  }
}

/** `@greenroom/client/jobs`: work that outlives the page. Submitted once, followed live, its results read row by row. */
import { CallError } from "./calls.ts";
import { ask, type Connection, connect, type JobsCaller, persistently } from "./jobs-call.ts";
import { type FollowOptions, type FollowPlan, follow } from "./jobs-follow.ts";
import { readResults } from "./jobs-results.ts";
import { type JobSubmission, type SubmitOptions, sendJob } from "./jobs-submit.ts";
import type { ErrorCode, JobAnswer, JobResult, JobState } from "./protocol.gen.ts";

export { FileChangedError, type JobsCaller, type JobsOptions } from "./jobs-call.ts";
export type { FollowOptions } from "./jobs-follow.ts";
export type { JobInput, JobRow, JobSubmission, SubmitOptions } from "./jobs-submit.ts";
export type { UploadProgress } from "./jobs-upload.ts";

/** The type holds the word to the schema. */
type JobEnded = `/problems/${Extract<ErrorCode, "job-ended">}`;

export type ResultsFormat = "json" | "csv" | "jsonl";

export interface ResultsOptions {
  /** Each row with what was sent: its `text`, or for a tabular model its `row`. Default: without. */
  inputs?: boolean | undefined;
}

interface Signalled {
  signal?: AbortSignal | undefined;
}

/**
 * One job. Iterating it gives its state now and after each change, the newest where several came meanwhile, and ends
 * after a terminal one. All of it rejects with a `CallError`, or as `fetch` does.
 */
export interface Job extends AsyncIterable<JobAnswer> {
  readonly id: string;
  /** The last that was heard of it. */
  readonly state: JobAnswer | null;
  /** Asks the server how it stands. */
  look(options?: Signalled): Promise<JobAnswer>;
  /** Its terminal state. */
  ended(): Promise<JobAnswer>;
  /** At once where it waits; where it runs, at its next chunk (`cancelling`). One that has ended stays as it is. */
  cancel(options?: Signalled): Promise<JobAnswer>;
  /** Of one that has failed or was cancelled. Sent once. */
  retry(options?: Signalled): Promise<JobAnswer>;
  /** Rows in the order of the inputs, streamed. */
  results(options?: Signalled & ResultsOptions): AsyncGenerator<JobResult, void>;
  /** An address that downloads. */
  resultsUrl(format: ResultsFormat, options?: ResultsOptions): string;
}

/** Whether nothing more happens to it unless it is tried again. */
export function isTerminal({ status }: Pick<JobAnswer, "status">): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}

/**
 * `POST /jobs`: accepted also while models load. Once this resolves the server keeps it, whatever happens. Rejects with
 * a `CallError`, with a `FileChangedError`, or as `fetch` does.
 */
export async function submitJob(
  caller: JobsCaller,
  submission: JobSubmission,
  options: SubmitOptions & FollowOptions = {},
): Promise<Job> {
  const connection = connect(caller);
  const state = await sendJob(connection, submission, options);
  return createJob(connection, state.job_uuid, state, options);
}

/** A job by its id, of this page or another. Nothing is asked before it is used. Throws a `RangeError` where it is none. */
export function job(caller: JobsCaller, id: string, options: FollowOptions = {}): Job {
  // As part of an address these would name the list of jobs, or what is above it.
  if (/^\.{0,2}$/.test(id)) throw new RangeError(`"${id}" is no job's id.`);
  return createJob(connect(caller), id, null, options);
}

export interface JobsPage {
  /** Newest first. */
  jobs: JobAnswer[];
  /** Of all pages. */
  total: number;
}

/** `GET /jobs`. `limit`: 10 unless told. */
export async function listJobs(
  caller: JobsCaller,
  { signal, ...query }: Signalled & { skip?: number; limit?: number; status?: JobState | undefined } = {},
): Promise<JobsPage> {
  return readPage(connect(caller), query, signal);
}

/** Every change of every job, without an end but the signal's. After a gap the newest fifty are told anew. */
export function watchJobs(caller: JobsCaller, options: FollowOptions = {}): AsyncGenerator<JobAnswer, void> {
  const connection = connect(caller);
  const look = async (signal: AbortSignal) =>
    (await readPage(connection, { limit: LOOK_LIMIT }, signal)).jobs.reverse();
  return states(connection, { socketPath: "/ws/jobs", look }, options, () => false);
}

const LOOK_LIMIT = 50;
const DEADLINE_MS = 60_000;

async function readPage(
  connection: Connection,
  query: Record<string, number | string | undefined>,
  signal?: AbortSignal,
): Promise<JobsPage> {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, `${value}`]],
  );
  const { answer, response } = await ask<JobAnswer[]>(
    connection,
    `/jobs?${new URLSearchParams(given)}`,
    signal && { signal },
  );
  return { jobs: answer, total: Number(response.headers.get("X-Total-Count") ?? answer.length) };
}

function createJob(
  connection: Connection,
  id: string,
  submitted: JobAnswer | null,
  options: FollowOptions,
): Job {
  const path = `/jobs/${encodeURIComponent(id)}`;
  const resultsPath = (format: ResultsFormat, { inputs = false }: ResultsOptions) =>
    `${path}/results?format=${format}${inputs ? "&inputs=true" : ""}`;
  let state = submitted;

  async function send(method: string, suffix: string, signal?: AbortSignal): Promise<JobAnswer> {
    const { answer } = await ask<JobAnswer>(connection, path + suffix, { method, signal: signal ?? null });
    state = answer;
    return answer;
  }

  const again = (method: string, signal?: AbortSignal) =>
    persistently(connection.seams, DEADLINE_MS, signal, () => send(method, "", signal));
  const look = async (signal: AbortSignal) => [(await ask<JobAnswer>(connection, path, { signal })).answer];

  async function* iterate(): AsyncGenerator<JobAnswer, void> {
    const first = state;
    if (first !== null && !isTerminal(first)) yield first;
    for await (const next of states(connection, { socketPath: `/ws${path}`, look }, options, isTerminal)) {
      state = next;
      if (JSON.stringify(next) !== JSON.stringify(first) || isTerminal(next)) yield next;
    }
  }

  return {
    id,
    get state() {
      return state;
    },
    look: ({ signal } = {}) => again("GET", signal),
    async ended() {
      for await (const next of iterate()) if (isTerminal(next)) return next;
      throw new Error("The job was left before its end.");
    },
    async cancel({ signal } = {}) {
      try {
        return await again("DELETE", signal);
      } catch (error) {
        // Also the answer to a second try, where that to the first one was lost.
        const hasEnded =
          error instanceof CallError && error.type === ("/problems/job-ended" satisfies JobEnded);
        if (hasEnded) return again("GET", signal);
        throw error;
      }
    },
    retry: ({ signal } = {}) => send("POST", "/retry", signal),
    results: ({ signal, ...options } = {}) => readResults(connection, resultsPath("jsonl", options), signal),
    resultsUrl: (format, options = {}) => connection.url + resultsPath(format, options),
    [Symbol.asyncIterator]: iterate,
  };
}

async function* states(
  connection: Connection,
  plan: FollowPlan,
  options: FollowOptions,
  isEnd: (job: JobAnswer) => boolean,
): AsyncGenerator<JobAnswer, void> {
  const following = follow(connection, plan, options);
  try {
    for (;;) {
      const next = await following.next();
      yield next;
      if (isEnd(next)) return;
    }
  } finally {
    following.stop();
  }
}

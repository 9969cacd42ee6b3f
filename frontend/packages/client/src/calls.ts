import { asJob, isRecord, parseJson } from "./messages.ts";
import type {
  Embedding,
  EmbeddingsAnswer,
  EmbeddingsRequest,
  JobAnswer,
  PredictAnswer,
  PredictRequest,
  ProblemFault,
} from "./protocol.gen.ts";
import type { ReadyFetch, ReadyRequestInit } from "./ready-fetch.ts";

/**
 * The server's calls with the types of its schema. Free functions, so that a page carries only those that it uses.
 * All of them compute and keep nothing, so they are sent as idempotent: a lost connection is tried again.
 */
export type Caller = { readonly url: string; readonly fetch: ReadyFetch } | ReadyFetch;

export interface CallOptions
  extends Pick<ReadyRequestInit, "label" | "deadlineMs" | "orderKey" | "signal" | "headers" | "idempotent"> {
  /** Where the server lives, without a slash at the end. Default: the greenroom's own, else this page's origin. */
  url?: string | undefined;
}

/** Vectors as numbers; who wants base64 calls `fetch`. */
export type EmbedRequest = Omit<EmbeddingsRequest, "encoding_format" | "input"> & {
  input: string | readonly string[];
};

export interface EmbedAnswer extends Omit<EmbeddingsAnswer, "data"> {
  data: (Omit<Embedding, "embedding"> & { embedding: number[] })[];
}

/** `POST /v1/embeddings`. Rejects with a `CallError`, or as the caller's `fetch` does. */
export function embed(caller: Caller, request: EmbedRequest, options?: CallOptions): Promise<EmbedAnswer> {
  return post(caller, "/v1/embeddings", request, options);
}

/** Lists as programs have them; the server refuses an empty one. A row: column name → value. */
export type PredictCall = Omit<PredictRequest, "inputs"> & {
  inputs?: readonly string[] | readonly Readonly<Record<string, number | boolean | string | null>>[] | null;
};

/**
 * `POST /predict`: a text, several texts, or for a tabular model rows (column name → value). Rejects with a
 * `CallError`, as the caller's `fetch` does, or with an `AcceptedError` where the server made a job of it.
 */
export function predict(caller: Caller, request: PredictCall, options?: CallOptions): Promise<PredictAnswer> {
  return post(caller, "/predict", request, options);
}

/** The workbench's, not the protocol's: these three are written by hand and checked against its example. */
export interface PreviewRequest {
  /** 1 to 10 000 characters, without the white space around it. */
  description: string;
  /** How many golden pairs lead the prompt, 1 to 10. Default: 3. */
  k?: number;
}

export interface RankedPair {
  id: string;
  trade: string;
  request: string;
  response: string;
  /** Cosine similarity of the two requests, -1 to 1. */
  score: number;
}

export interface PreviewAnswer {
  prompt: string;
  /** Best first. */
  pairs: RankedPair[];
  model: string;
  version: string;
  cached: boolean;
  /** Whether pairs were chosen by the beginning of the description alone; the prompt holds all of it. */
  truncated: boolean;
  /** The model's window, in tokens. */
  max_tokens: number;
}

/** `POST /api/v1/rfq/preview-prompt`. Rejects with a `CallError`, or as the caller's `fetch` does. */
export function previewPrompt(
  caller: Caller,
  request: PreviewRequest,
  options?: CallOptions,
): Promise<PreviewAnswer> {
  return post(caller, "/api/v1/rfq/preview-prompt", request, options);
}

/** An answer that is not the one asked for. The members are RFC 9457's; a body that is no problem has defaults. */
export class CallError extends Error {
  readonly status: number;
  /** `/problems/<code>`, or `about:blank` when the body says nothing. */
  readonly type: string;
  readonly title: string;
  readonly detail: string | null;
  readonly errors: readonly ProblemFault[];
  /** Stands in the server's log, too. */
  readonly request_id: string | null;

  constructor(response: Response, body: unknown) {
    const problem = isRecord(body) ? body : {};
    const title = text(problem.title) ?? (response.statusText || `Status ${response.status}`);
    // A snapshot, where the caller's fetch does not wait, explains itself in `message`.
    const detail = text(problem.detail) ?? text(problem.message);
    super(detail ?? title);
    this.name = "CallError";
    this.status = response.status;
    this.type = text(problem.type) ?? "about:blank";
    this.title = title;
    this.detail = detail;
    this.errors = Array.isArray(problem.errors) ? problem.errors : [];
    this.request_id = text(problem.request_id) ?? response.headers.get("X-Request-ID");
  }
}

/** The server made a job of the call (202): `job(caller, error.job.job_uuid)` of `@greenroom/client/jobs` follows it. */
export class AcceptedError extends CallError {
  readonly job: JobAnswer;

  constructor(response: Response, job: JobAnswer) {
    super(response, { detail: `The server has made a job of it: ${job.job_uuid}.` });
    this.name = "AcceptedError";
    this.job = job;
  }
}

async function post<Answer>(
  caller: Caller,
  path: string,
  request: object,
  { url, headers, ...init }: CallOptions = {},
): Promise<Answer> {
  const { fetch, url: base } = typeof caller === "function" ? { fetch: caller, url: "" } : caller;
  const sent = new Headers(headers);
  sent.set("Content-Type", "application/json");
  const response = await fetch(`${url ?? base}${path}`, {
    idempotent: true,
    ...init,
    method: "POST",
    headers: sent,
    body: JSON.stringify(request),
  });
  const body = parseJson(await response.text());
  const job = response.status === 202 ? asJob(body) : null;
  if (job !== null) throw new AcceptedError(response, job);
  if (response.status !== 200 || body === null) throw new CallError(response, body);
  return body as Answer;
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

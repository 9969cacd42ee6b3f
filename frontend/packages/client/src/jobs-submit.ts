import { type Connection, FileChangedError, inTime, persistently, requireOk } from "./jobs-call.ts";
import { type UploadProgress, uploadWithProgress } from "./jobs-upload.ts";
import type { JobAnswer } from "./protocol.gen.ts";

export type JobRow = Readonly<Record<string, number | boolean | string | null>>;

export type JobInput =
  | { text: string }
  /** Texts, or for a tabular model rows: column name → value. Ten thousand at most; more of them are a file. */
  | { inputs: readonly string[] | readonly JobRow[] }
  | {
      /** .txt (an input per line), .csv, .tsv or .jsonl; what it is says its name, or the type of a nameless blob. */
      file: Blob;
      /** The column of a .csv, or the member of a .jsonl, that holds the text. */
      column?: string | undefined;
    };

export type JobSubmission = JobInput & {
  /** Default: the first model that classifies texts. */
  model?: string | undefined;
  /** What to call the job, for people who look at a list. Default: of a file, its file name. */
  name?: string | undefined;
  /** -10 to 10, higher goes first. Default: 0. */
  priority?: number | undefined;
  /** One key, one job, for a day. Default: a new one for each call. */
  idempotencyKey?: string | undefined;
};

export interface SubmitOptions {
  signal?: AbortSignal | undefined;
  /** All tries together. Default: two minutes, for a file fifteen. */
  deadlineMs?: number | undefined;
  /** How much of a file has left. With it the file goes by XMLHttpRequest, where there is one, and not by `fetch`. */
  onUpload?: ((progress: UploadProgress) => void) | undefined;
}

const DEADLINE_MS = 120_000;
const FILE_DEADLINE_MS = 900_000;
/** Without another byte leaving. */
const STALL_MS = 60_000;

interface Sending {
  path: string;
  body: string | Blob;
  type: string;
}

/**
 * Sent again under the same key where nobody can tell whether it arrived: five times at most, and the server makes one
 * job of them.
 */
export function sendJob(
  connection: Connection,
  submission: JobSubmission,
  { signal, deadlineMs, onUpload }: SubmitOptions,
): Promise<JobAnswer> {
  const isFile = "file" in submission;
  const { path, body, type } = isFile ? fileSending(submission) : jsonSending(submission);
  const headers = new Headers(connection.headers);
  headers.set("Content-Type", type);
  headers.set("Idempotency-Key", submission.idempotencyKey ?? newKey());
  const { seams } = connection;
  const isWatched = isFile && onUpload !== undefined && typeof XMLHttpRequest === "function";
  const send = (signal: AbortSignal, alive: () => void) => {
    const init = { method: "POST", headers, body, signal };
    if (!isWatched) return seams.fetch(connection.url + path, init);
    return uploadWithProgress(connection.url + path, init, (progress) => {
      alive();
      onUpload(progress);
    });
  };
  return persistently(seams, deadlineMs ?? (isFile ? FILE_DEADLINE_MS : DEADLINE_MS), signal, (leftMs) =>
    inTime(seams.timers, isWatched ? Math.min(leftMs, STALL_MS) : leftMs, signal, async (mine, alive) => {
      const sent = send(mine, alive).catch((error: unknown) => rejectLost(body, error));
      const response = await requireOk(await sent, seams);
      return (await response.json()) as JobAnswer;
    }),
  );
}

async function rejectLost(body: string | Blob, error: unknown): Promise<never> {
  try {
    if (typeof body !== "string") await body.slice(0, 1).arrayBuffer();
  } catch (cause) {
    throw new FileChangedError(cause);
  }
  throw error;
}

function jsonSending(submission: Exclude<JobSubmission, { file: Blob }>): Sending {
  const { idempotencyKey: _, ...request } = submission;
  return { path: "/jobs", body: JSON.stringify(request), type: "application/json" };
}

const TYPES: Record<string, string> = {
  txt: "text/plain",
  csv: "text/csv",
  tsv: "text/tab-separated-values",
  jsonl: "application/jsonl",
  ndjson: "application/jsonl",
};

function fileSending(submission: Extract<JobSubmission, { file: Blob }>): Sending {
  const { file, column, model, priority } = submission;
  const fileName = "name" in file ? String(file.name) : undefined;
  const type = TYPES[fileName?.split(".").at(-1)?.toLowerCase() ?? ""] ?? file.type;
  const name = submission.name ?? fileName;
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries({ model, column, name, priority }))
    if (value !== undefined) query.set(key, String(value));
  const suffix = query.size > 0 ? `?${query}` : "";
  return { path: `/jobs${suffix}`, body: file, type: type || "application/octet-stream" };
}

/** `crypto.randomUUID` exists on secure origins only. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

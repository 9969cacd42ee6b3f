// Generated from docs/schema/protocol.json. Do not edit: run `npm run generate`.

/**
 * What went wrong, for programs. Each is also the slug of its problem type, `/problems/<code>`.
 */
export type ErrorCode =
  | "internal-error"
  | "not-found"
  | "method-not-allowed"
  | "bad-request"
  | "config-error"
  | "source-error"
  | "source-not-found"
  | "file-missing"
  | "file-corrupt"
  | "load-failed"
  | "host-lost"
  | "crash-loop"
  | "unknown-model"
  | "unsupported-task"
  | "invalid-input"
  | "input-refused"
  | "payload-too-large"
  | "unsupported-media-type"
  | "body-too-slow"
  | "host-refused"
  | "origin-refused"
  | "not-authorised"
  | "forbidden"
  | "retry-refused"
  | "overloaded"
  | "deadline-exceeded"
  | "prediction-failed"
  | "not-ready"
  | "too-many-messages"
  | "malformed-message"
  | "shutting-down";
/**
 * What an estimate rests on: shipped stage times scaled by what this machine has shown, a live rate, or
 * earlier loads of this version on this machine.
 */
export type EstimateBasis = "prior" | "rate" | "history";
export type EventName = "model.swapped" | "model.rolled_back" | "model.failed" | "model.recovered";
/**
 * Where a model stands. The order of a scope's phases is `PHASE_ORDER`. `connecting` is the client's own
 * phase, before its first snapshot; the server never sends it in one.
 */
export type Phase = "connecting" | "queued" | "downloading" | "loading" | "finalizing" | "ready" | "failed";
/**
 * `degraded`: ready, but an optional model failed or a new version could not replace the serving one.
 * `error`: failed, and no automatic retry is pending.
 */
export type Status = "initializing" | "ready" | "degraded" | "error";
/**
 * Translators' key for each `message`.
 */
export type MessageKey =
  | "init.queued"
  | "init.downloading"
  | "init.loading"
  | "init.finalizing"
  | "init.ready"
  | "init.degraded"
  | "init.restarting"
  | "init.retrying"
  | "init.stalled"
  | "init.failed";
/**
 * What a model does for a caller.
 */
export type Task = "embed";
/**
 * One measured piece of a load, in the order they stand in a snapshot.
 */
export type StageName = "resolve" | "download" | "import" | "weights" | "warmup" | "check";
export type PredictState = "ready" | "loading" | "error" | "not_started";

/**
 * Every named shape on the wire.
 */
export interface Wire {
  Draining: Draining;
  Embedding: Embedding;
  EmbeddingsAnswer: EmbeddingsAnswer;
  EmbeddingsRequest: EmbeddingsRequest;
  ErrorCode: ErrorCode;
  ErrorFrame: ErrorFrame;
  EstimateBasis: EstimateBasis;
  Event: Event;
  EventName: EventName;
  FileState: FileState;
  Health: Health;
  Hello: Hello;
  InitState: InitState;
  MessageKey: MessageKey;
  ModelError: ModelError;
  ModelReport: ModelReport;
  ModelState: ModelState;
  ModelsStatus: ModelsStatus;
  OpenAIError: OpenAIError;
  Phase: Phase;
  Ping: Ping;
  Pong: Pong;
  PredictAnswer: PredictAnswer;
  PredictRequest: PredictRequest;
  PredictState: PredictState;
  PredictStatus: PredictStatus;
  Probe: Probe;
  Problem: Problem;
  ProblemFault: ProblemFault;
  RetryAnswer: RetryAnswer;
  ServerStatus: ServerStatus;
  StageName: StageName;
  StageState: StageState;
  Status: Status;
  Task: Task;
  Usage: Usage;
  VersionState: VersionState;
  Welcome: Welcome;
}
/**
 * The server is about to stop; come back after this delay.
 */
export interface Draining {
  type: "draining";
  reconnect_in_ms: number;
}
export interface Embedding {
  object: "embedding";
  index: number;
  embedding: number[] | string;
}
/**
 * OpenAI's shape, plus `version` and `truncated`.
 */
export interface EmbeddingsAnswer {
  object: "list";
  data: Embedding[];
  model: string;
  version: string;
  usage: Usage;
  /**
   * Indices of the texts that were longer than the model's window and were cut.
   */
  truncated: number[];
}
export interface Usage {
  prompt_tokens: number;
  total_tokens: number;
}
/**
 * `POST /v1/embeddings`, OpenAI's shape. Unknown members are ignored, as OpenAI's clients expect.
 */
export interface EmbeddingsRequest {
  /**
   * One text or a list of texts; the server may allow fewer (setting).
   */
  input: string | [string, ...string[]];
  model: string;
  /**
   * `base64`: little-endian float32.
   */
  encoding_format?: "float" | "base64";
  /**
   * Keep the first so many numbers, normalised again; only for models trained for it, else 422.
   */
  dimensions?: number | null;
  user?: string | null;
}
/**
 * Sent right before a close that a person should understand.
 */
export interface ErrorFrame {
  type: "error";
  code: ErrorCode;
  message: string;
}
/**
 * Something happened: a prompt to look, never the state. `seq` is the first snapshot that shows it.
 */
export interface Event {
  type: "event";
  name: EventName;
  model: string;
  /**
   * The version it happened to, or that serves from now on.
   */
  version: string | null;
  previous_version: string | null;
  error: ModelError | null;
  seq: number;
}
/**
 * Why a model failed, for people. No stack trace, no path, no secret.
 */
export interface ModelError {
  code: ErrorCode;
  message: string;
  /**
   * Whether a retry can succeed with nothing changed by anybody.
   */
  temporary: boolean;
}
/**
 * One file of the version in use.
 */
export interface FileState {
  path: string;
  bytes: number;
  sha256: string;
  /**
   * Whether it lies on this machine.
   */
  cached: boolean;
}
/**
 * `GET /health`: the process answers. Says nothing about whether predictions can be made.
 */
export interface Health {
  status: "healthy";
  model_loaded: boolean;
  models: {
    [k: string]: Phase;
  };
}
/**
 * First frame.
 */
export interface Hello {
  type: "hello";
  protocol: number;
  /**
   * `greenroom/<version>`.
   */
  server: string;
  phase: "connecting";
  ready: false;
  epoch: string;
  /**
   * A frame comes at least this often.
   */
  heartbeat_ms: number;
  /**
   * Longest message the server reads.
   */
  max_message_bytes: number;
}
/**
 * The snapshot. A socket frame, a 425 body and a readiness answer with the same `epoch`, `seq` and `scope`
 * have the same bytes.
 */
export interface InitState {
  type: "initialization";
  status: Status;
  /**
   * True means: the next prediction on the scope succeeds.
   */
  ready: boolean;
  phase: Phase;
  /**
   * Floor of the measured, time-weighted work on the critical path, in per cent; 100 if and only if ready.
   */
  progress: number;
  /**
   * Whole seconds until ready, at least 1 before; 0 when ready; null when nothing is known.
   */
  estimated_seconds: number | null;
  estimate_basis: EstimateBasis | null;
  /**
   * English, for people.
   */
  message: string;
  message_key: MessageKey;
  /**
   * The same as `ready`; kept for clients that know the older name.
   */
  models_loaded: boolean;
  /**
   * 0 while work moves; else the seconds since anything moved.
   */
  stalled_seconds: number;
  /**
   * Names of the models this snapshot speaks for, in configured order.
   */
  scope: string[];
  models: ModelState[];
  /**
   * One server life.
   */
  epoch: string;
  /**
   * Rises each time the scope stops being ready.
   */
  round: number;
  /**
   * Rises by one with each published snapshot.
   */
  seq: number;
  /**
   * When it was published (RFC 3339, UTC, milliseconds).
   */
  at: string;
}
/**
 * Where one model stands.
 */
export interface ModelState {
  name: string;
  task: Task;
  required: boolean;
  /**
   * The version that serves or is being loaded; null until the source has resolved one.
   */
  version: string | null;
  phase: Phase;
  progress: number;
  estimated_seconds: number | null;
  estimate_basis: EstimateBasis | null;
  /**
   * Which try of the current load this is, from 1.
   */
  attempt: number;
  /**
   * When the next automatic try begins (RFC 3339, UTC); null when none is pending.
   */
  retry_at: string | null;
  /**
   * Why the last try failed; null once ready.
   */
  error: ModelError | null;
  stages: StageState[];
  bytes_done: number | null;
  bytes_total: number | null;
  bytes_per_second: number | null;
  target: VersionState | null;
  previous: VersionState | null;
}
/**
 * `share` of the load's expected time on its critical path; `done` of it is through.
 */
export interface StageState {
  name: StageName;
  share: number;
  done: number;
}
/**
 * A coming version (`target`) or the one to roll back to (`previous`).
 */
export interface VersionState {
  version: string;
  phase: Phase;
  progress: number;
  error: ModelError | null;
}
/**
 * One model of `GET /models/status`.
 */
export interface ModelReport {
  state: ModelState;
  source: string;
  runtime: string;
  device: string | null;
  dtype: string | null;
  dimension: number | null;
  /**
   * The model's window; longer texts are cut to it.
   */
  max_tokens: number | null;
  /**
   * Resident memory of its host, shared pages included; null when there is none.
   */
  memory_bytes: number | null;
  pid: number | null;
  /**
   * How often it became ready since the server started.
   */
  loads: number;
  files: FileState[];
}
/**
 * `GET /models/status`.
 */
export interface ModelsStatus {
  epoch: string;
  models: ModelReport[];
}
/**
 * OpenAI's error member, so that its clients show something sensible.
 */
export interface OpenAIError {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}
/**
 * Sent when `heartbeat_ms` passed without another frame.
 */
export interface Ping {
  type: "ping";
  at: string;
}
/**
 * The only client frame with a meaning, and it is ignored: anything a client sends shows that it lives.
 */
export interface Pong {
  type?: "pong";
}
/**
 * `POST /predict`. No server answers this call yet.
 */
export interface PredictAnswer {
  label: string;
  score: number;
  model: string;
  /**
   * The version that answered.
   */
  version: string;
  /**
   * Whether the answer was kept from an earlier call.
   */
  cached: boolean;
  /**
   * The same as `label`, under the name that jobs use.
   */
  result_label: string;
  /**
   * The same as `score`.
   */
  result_score: number;
}
/**
 * `POST /predict`: `text` or `inputs`, one of them. No server answers this call yet; the shape is settled, so
 * that clients can be written.
 */
export interface PredictRequest {
  text?: string | null;
  /**
   * The server may allow fewer (setting).
   */
  inputs?: [string, ...string[]] | null;
  /**
   * Name of a spec; null: the server's own choice.
   */
  model?: string | null;
}
/**
 * `GET /predict/status`.
 */
export interface PredictStatus {
  status: PredictState;
  snapshot: InitState;
}
/**
 * `GET /livez`, `GET /readyz`.
 */
export interface Probe {
  status: "ok" | "not ready";
}
/**
 * RFC 9457 §3. `error` is there only under `/v1/`.
 */
export interface Problem {
  /**
   * `/problems/<error code>`.
   */
  type: string;
  title: string;
  status: number;
  detail: string;
  /**
   * Path that was asked for.
   */
  instance: string;
  request_id: string;
  errors: ProblemFault[];
  error: OpenAIError | null;
}
/**
 * One broken rule of the input. `pointer` is an RFC 6901 JSON pointer into the body.
 */
export interface ProblemFault {
  pointer: string;
  detail: string;
}
/**
 * `POST /models/{name}/retry`.
 */
export interface RetryAnswer {
  status: "retrying";
  model: string;
}
/**
 * `GET /status`: what a browser polls when it has no socket.
 */
export interface ServerStatus {
  server: string;
  uptime_seconds: number;
  snapshot: InitState;
}
/**
 * `GET /` for programs.
 */
export interface Welcome {
  message: "Greenroom is running";
  version: string;
  docs: string;
  socket: string;
  status: string;
}

export const PROTOCOL = 1 as const;

export const SUBPROTOCOL = "greenroom.v1" as const;

export const PHASE_ORDER = [
  "failed",
  "queued",
  "downloading",
  "loading",
  "finalizing",
  "ready"
] as const;

export const CLOSE_CODES = {
  "FINISHED": 1000,
  "GOING_AWAY": 1001,
  "NO_STATUS": 1005,
  "LOST": 1006,
  "INTERNAL_ERROR": 1011,
  "SERVICE_RESTART": 1012,
  "TRY_AGAIN_LATER": 1013,
  "MALFORMED": 4400,
  "NOT_AUTHORISED": 4401,
  "TOO_BIG": 4413,
  "TOO_MANY": 4429,
  "TOO_SLOW": 4490
} as const;

export const CLOSE_VERDICTS = {
  "1000": "stop",
  "1001": "reconnect",
  "1005": "reconnect",
  "1006": "reconnect",
  "1011": "reconnect",
  "1012": "reconnect",
  "1013": "reconnect",
  "4400": "fail",
  "4401": "fail",
  "4413": "fail",
  "4429": "reconnect_later",
  "4490": "reconnect_later"
} as const;

export const ENUMS = {
  "Phase": [
    "connecting",
    "queued",
    "downloading",
    "loading",
    "finalizing",
    "ready",
    "failed"
  ],
  "Status": [
    "initializing",
    "ready",
    "degraded",
    "error"
  ],
  "EstimateBasis": [
    "prior",
    "rate",
    "history"
  ],
  "StageName": [
    "resolve",
    "download",
    "import",
    "weights",
    "warmup",
    "check"
  ],
  "MessageKey": [
    "init.queued",
    "init.downloading",
    "init.loading",
    "init.finalizing",
    "init.ready",
    "init.degraded",
    "init.restarting",
    "init.retrying",
    "init.stalled",
    "init.failed"
  ],
  "EventName": [
    "model.swapped",
    "model.rolled_back",
    "model.failed",
    "model.recovered"
  ],
  "Verdict": [
    "stop",
    "reconnect",
    "reconnect_later",
    "fail"
  ],
  "PredictState": [
    "ready",
    "loading",
    "error",
    "not_started"
  ],
  "ErrorCode": [
    "internal-error",
    "not-found",
    "method-not-allowed",
    "bad-request",
    "config-error",
    "source-error",
    "source-not-found",
    "file-missing",
    "file-corrupt",
    "load-failed",
    "host-lost",
    "crash-loop",
    "unknown-model",
    "unsupported-task",
    "invalid-input",
    "input-refused",
    "payload-too-large",
    "unsupported-media-type",
    "body-too-slow",
    "host-refused",
    "origin-refused",
    "not-authorised",
    "forbidden",
    "retry-refused",
    "overloaded",
    "deadline-exceeded",
    "prediction-failed",
    "not-ready",
    "too-many-messages",
    "malformed-message",
    "shutting-down"
  ]
} as const;

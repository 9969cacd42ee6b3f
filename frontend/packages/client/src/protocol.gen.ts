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
  | "source-unreachable"
  | "source-forbidden"
  | "disk-full"
  | "load-failed"
  | "host-lost"
  | "crash-loop"
  | "version-refused"
  | "not-enough-memory"
  | "no-previous-version"
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
  | "shutting-down"
  | "job-not-found"
  | "job-ended"
  | "job-not-ended"
  | "job-inputs-gone"
  | "idempotency-conflict"
  | "jobs-unavailable";
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
export type Task = "embed" | "classify";
/**
 * One measured piece of a load, in the order they stand in a snapshot.
 */
export type StageName = "resolve" | "download" | "import" | "weights" | "warmup" | "check";
/**
 * Where a model stands. The order of a scope's phases is `PHASE_ORDER`. `connecting` is the client's own
 * phase, before its first snapshot; the server never sends it in one.
 */
export type Phase1 = "connecting" | "queued" | "downloading" | "loading" | "finalizing" | "ready" | "failed";
export type JobState = "pending" | "processing" | "completed" | "failed" | "cancelled";
export type PredictState = "ready" | "loading" | "error" | "not_started";

/**
 * Every named shape on the wire.
 */
export interface Wire {
  ClearAnswer: ClearAnswer;
  CurrentModel: CurrentModel;
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
  GateCheck: GateCheck;
  GateReport: GateReport;
  Health: Health;
  Hello: Hello;
  InitState: InitState;
  JobAnswer: JobAnswer;
  JobError: JobError;
  JobLine: JobLine;
  JobRequest: JobRequest;
  JobResult: JobResult;
  JobState: JobState;
  LoadSeconds: LoadSeconds;
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
  Prediction: Prediction;
  Probe: Probe;
  Problem: Problem;
  ProblemFault: ProblemFault;
  RefusedVersion: RefusedVersion;
  ReloadAnswer: ReloadAnswer;
  RetryAnswer: RetryAnswer;
  RollbackAnswer: RollbackAnswer;
  ServerStatus: ServerStatus;
  SourceLook: SourceLook;
  StageName: StageName;
  StageState: StageState;
  Status: Status;
  Task: Task;
  UnpinAnswer: UnpinAnswer;
  Usage: Usage;
  VersionState: VersionState;
  Welcome: Welcome;
}
/**
 * `DELETE /models/clear`.
 */
export interface ClearAnswer {
  /**
   * Model → bytes of the files that were deleted.
   */
  freed_bytes: {
    [k: string]: number;
  };
}
/**
 * `GET /models/current`.
 */
export interface CurrentModel {
  name: string;
  version: string;
  stage: string | null;
  loaded_at: string;
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
 * OpenAI's shape, plus `version`, `space` and `truncated`.
 */
export interface EmbeddingsAnswer {
  object: "list";
  data: Embedding[];
  model: string;
  version: string;
  /**
   * Id of the embedding space: vectors of different spaces are not to be compared. Also in `x-embedding-space`.
   */
  space: string;
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
  /**
   * The embedding space from now on, when it became another one: vectors from before are not to be compared.
   */
  space: string | null;
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
 * One rule of the promotion gate, and what was measured.
 */
export interface GateCheck {
  name: "dimension" | "classes" | "finite" | "norm" | "cosine" | "space";
  passed: boolean;
  detail: string;
}
/**
 * What the promotion gate found when a version was about to take over.
 */
export interface GateReport {
  version: string;
  /**
   * The version that served then.
   */
  against: string;
  passed: boolean;
  checks: GateCheck[];
  at: string;
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
  /**
   * null until the source has named it.
   */
  version: string | null;
  phase: Phase1;
  progress: number;
  error: ModelError | null;
}
/**
 * How a job stands.
 */
export interface JobAnswer {
  job_uuid: string;
  /**
   * What its sender calls it: of a file, its file name. Several may be called the same.
   */
  name: string | null;
  status: JobState;
  model: string;
  /**
   * The version that made the last results.
   */
  model_version: string | null;
  /**
   * Of the only input, once there is a result.
   */
  result_label: string | null;
  result_score: number | null;
  /**
   * 100 only when completed.
   */
  progress: number;
  /**
   * How many inputs.
   */
  total: number;
  /**
   * How many of them have a result.
   */
  done: number;
  /**
   * Until it is completed, at the rate so far; null when nothing is known, and once it has ended.
   */
  estimated_seconds: number | null;
  /**
   * Runs in a row that ended badly.
   */
  attempts: number;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  /**
   * It is tried again then.
   */
  retry_at: string | null;
  /**
   * It still runs, and ends at its next chunk.
   */
  cancelling: boolean;
  error: JobError | null;
  /**
   * The first hundred.
   */
  bad_lines: JobLine[];
  /**
   * All of them.
   */
  bad_line_count: number;
}
/**
 * Why a job has failed, or why it is tried again. The codes of problem documents, and `lease-lost`: the worker that
 * ran it ended, or stood still.
 */
export interface JobError {
  code: string;
  message: string;
}
/**
 * A line of the uploaded file that is no input; the others are.
 */
export interface JobLine {
  line: number;
  message: string;
}
/**
 * `POST /jobs` as JSON: `text` or `inputs`, one of them.
 */
export interface JobRequest {
  text?: string | null;
  /**
   * Texts, or for a tabular model rows: column name → value.
   */
  inputs?:
    | [string, ...string[]]
    | [
        {
          [k: string]: number | boolean | string | null;
        },
        ...{
          [k: string]: number | boolean | string | null;
        }[]
      ]
    | null;
  /**
   * Name of a spec; null: the first one that classifies texts.
   */
  model?: string | null;
  /**
   * What to call the job in lists: see `JobAnswer`. Longer ones are cut.
   */
  name?: string | null;
  /**
   * Higher goes first; among equals the older.
   */
  priority?: number;
}
/**
 * `GET /jobs/{id}/results`: what became of one input. What a model does not give is left out.
 */
export interface JobResult {
  /**
   * Of the input, in the order they were sent; bad lines do not count.
   */
  index: number;
  /**
   * The input itself, where it was asked for (`?inputs=true`).
   */
  text?: string | null;
  /**
   * The same of a model that reads rows.
   */
  row?: {
    [k: string]: number | boolean | string | null;
  } | null;
  label?: string | null;
  /**
   * Probability of `label`.
   */
  score?: number | null;
  /**
   * Probability of each class.
   */
  scores?: {
    [k: string]: number;
  } | null;
  /**
   * base64 of little-endian float32.
   */
  embedding?: string | null;
  /**
   * The text was longer than the model's window and was cut.
   */
  truncated?: true | null;
  /**
   * This input has no result; the others have.
   */
  error?: JobError | null;
}
/**
 * How long a load took, stage by stage.
 */
export interface LoadSeconds {
  version: string;
  /**
   * When it became ready; null for loads of an earlier server whose time was not kept.
   */
  at: string | null;
  seconds: {
    [k: string]: number;
  };
}
/**
 * One model of `GET /models/status`.
 */
export interface ModelReport {
  state: ModelState;
  source: string;
  runtime: string;
  /**
   * The alias or stage that is followed; null for sources that know neither.
   */
  stage: string | null;
  /**
   * Null until the source was first looked at; sources that do not move are not.
   */
  source_look: SourceLook | null;
  digest: string | null;
  /**
   * Id of the embedding space; null for models that embed nothing, and before a version is known.
   */
  space: string | null;
  /**
   * When the serving version became ready.
   */
  loaded_at: string | null;
  /**
   * Whether a process holds it.
   */
  resident: boolean;
  /**
   * Whether a rollback holds the version fast until the source names another one, or somebody unpins it.
   */
  pinned: boolean;
  /**
   * The gate's last report.
   */
  gate: GateReport | null;
  refused_versions: RefusedVersion[];
  /**
   * Calls that use it now, waiting ones included.
   */
  busy_calls: number;
  /**
   * Since its last call was answered; null while there is one, and before the first.
   */
  idle_seconds: number | null;
  device: string | null;
  dtype: string | null;
  dimension: number | null;
  /**
   * The model's window; longer texts are cut to it.
   */
  max_tokens: number | null;
  /**
   * Of a classifier.
   */
  classes: string[];
  /**
   * Of a tabular model: column name → `number` or `text`.
   */
  columns: {
    [k: string]: string;
  };
  /**
   * Resident memory of its host, shared pages included; null when there is none.
   */
  memory_bytes: number | null;
  pid: number | null;
  /**
   * How often it became ready since the server started.
   */
  loads: number;
  /**
   * The latest last; earlier server lives included.
   */
  load_history: LoadSeconds[];
  files: FileState[];
}
/**
 * The last time that a followed source was asked what it names.
 */
export interface SourceLook {
  at: string;
  /**
   * Why it did not say; the version that serves goes on.
   */
  error: ModelError | null;
  /**
   * When it first did not, without an answer since.
   */
  failing_since: string | null;
}
/**
 * A version that could not take over, or had to be taken back.
 */
export interface RefusedVersion {
  version: string;
  error: ModelError;
  tries: number;
  /**
   * When it is tried again; null: not before the source names another one.
   */
  retry_at: string | null;
  at: string;
}
/**
 * `GET /models/status`.
 */
export interface ModelsStatus {
  epoch: string;
  models: ModelReport[];
  /**
   * How many models may be in memory at a time (`MODEL_CACHE_SIZE`).
   */
  max_resident: number;
  /**
   * How often followed sources are looked at (`MODEL_UPDATE_INTERVAL`).
   */
  updated_every_seconds: number;
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
 * `POST /predict`. `label` and `score` are those of the first input.
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
  /**
   * One for each input, in the order asked.
   */
  results: Prediction[];
  /**
   * Indices of the texts that were longer than the model's window and were cut.
   */
  truncated: number[];
}
/**
 * What a classifier says of one input.
 */
export interface Prediction {
  label: string;
  /**
   * Probability of `label`.
   */
  score: number;
  /**
   * Probability of each class; together 1.
   */
  scores: {
    [k: string]: number;
  };
}
/**
 * `POST /predict`: `text` or `inputs`, one of them.
 */
export interface PredictRequest {
  text?: string | null;
  /**
   * Texts, or for a tabular model rows: column name → value. The server may allow fewer (setting).
   */
  inputs?:
    | [string, ...string[]]
    | [
        {
          [k: string]: number | boolean | string | null;
        },
        ...{
          [k: string]: number | boolean | string | null;
        }[]
      ]
    | null;
  /**
   * Name of a spec; null: the first one that classifies texts.
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
 * `POST /models/reload`, once the outcome is known.
 */
export interface ReloadAnswer {
  status: "reloaded" | "unchanged" | "failed";
  model: string;
  /**
   * The version that serves now; null when none does.
   */
  model_version: string | null;
  previous_version: string | null;
  /**
   * Why it failed.
   */
  error: ModelError | null;
}
/**
 * `POST /models/{name}/retry`.
 */
export interface RetryAnswer {
  status: "retrying";
  model: string;
}
/**
 * `POST /models/{name}/rollback`.
 */
export interface RollbackAnswer {
  status: "rolled_back" | "failed";
  model: string;
  /**
   * The version that serves now.
   */
  model_version: string | null;
  previous_version: string | null;
  pinned: boolean;
  error: ModelError | null;
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
 * `POST /models/{name}/unpin`.
 */
export interface UnpinAnswer {
  model: string;
  was_pinned: boolean;
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
  "JobState": [
    "pending",
    "processing",
    "completed",
    "failed",
    "cancelled"
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
    "source-unreachable",
    "source-forbidden",
    "disk-full",
    "load-failed",
    "host-lost",
    "crash-loop",
    "version-refused",
    "not-enough-memory",
    "no-previous-version",
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
    "shutting-down",
    "job-not-found",
    "job-ended",
    "job-not-ended",
    "job-inputs-gone",
    "idempotency-conflict",
    "jobs-unavailable"
  ]
} as const;

import {
  type ErrorCode,
  type InitState,
  type MessageKey,
  type ModelError,
  type ModelState,
  PHASE_ORDER,
  type Phase,
  type StageName,
  type StageState,
} from "./protocol.gen.ts";

/**
 * The fake server's models and what it says about them. Written against the protocol and not with the client's own
 * projection, so that a mistake there does not agree with itself.
 */
export interface FakeModel {
  readonly name: string;
  readonly required: boolean;
  phase: Phase;
  progress: number;
  estimatedSeconds: number | null;
  stalledSeconds: number;
  attempt: number;
  /** How often it stopped being ready. */
  restarts: number;
  error: ModelError | null;
  /** Milliseconds of the server's clock; `null`: nothing happens by itself. */
  retryAt: number | null;
}

export function newModel(name: string, required = true): FakeModel {
  const begun = { phase: "queued", progress: 0, estimatedSeconds: null, stalledSeconds: 0 } as const;
  return { name, required, ...begun, attempt: 1, restarts: 0, error: null, retryAt: null };
}

export interface Publication {
  epoch: string;
  seq: number;
  /** Milliseconds of the server's clock. */
  at: number;
}

/** The snapshot of these models, the least advanced of them speaking for all (PROTOCOL section 1). */
export function snapshotOf(models: readonly FakeModel[], publication: Publication): InitState {
  const slowest = leastAdvanced(models);
  const ready = slowest.phase === "ready";
  const stalled = ready ? 0 : Math.min(...models.map(({ stalledSeconds }) => stalledSeconds));
  const isOver = models.some(isFailedForGood);
  const key = isOver ? "init.failed" : messageKey(slowest, stalled);
  const estimated = ready ? 0 : longestWait(models);
  return {
    type: "initialization",
    status: isOver ? "error" : ready ? "ready" : "initializing",
    ready,
    phase: slowest.phase,
    progress: Math.min(...models.map(({ progress }) => progress)),
    estimated_seconds: estimated,
    estimate_basis: estimated === null || ready ? null : "history",
    message: key === "init.failed" ? (models.find(isFailedForGood)?.error?.message ?? "") : MESSAGES[key],
    message_key: key,
    models_loaded: ready,
    stalled_seconds: stalled,
    scope: models.map(({ name }) => name),
    models: models.map(modelState),
    epoch: publication.epoch,
    round: 1 + models.reduce((sum, { restarts }) => sum + restarts, 0),
    seq: publication.seq,
    at: timestamp(publication.at),
  };
}

export function isFailedForGood(model: FakeModel): boolean {
  return model.phase === "failed" && model.retryAt === null;
}

/** The phase in which a load usually stands at so many per cent, by `STAGES`. */
export function phaseAt(percent: number): Phase {
  if (percent < 50) return "downloading";
  return percent < 95 ? "loading" : "finalizing";
}

export function modelError(code: ErrorCode, message: string, temporary: boolean): ModelError {
  return { code, message, temporary };
}

const MESSAGES: Record<Exclude<MessageKey, "init.failed">, string> = {
  "init.queued": "AI models are about to load",
  "init.downloading": "AI models are being downloaded",
  "init.loading": "AI models are still loading",
  "init.finalizing": "AI models are almost ready",
  "init.ready": "All systems ready",
  "init.degraded": "Ready; a model that is not required has failed",
  "init.restarting": "The model restarts",
  "init.retrying": "Loading failed; the next try begins by itself",
  "init.stalled": "Loading takes longer than usual",
};

function messageKey(model: FakeModel, stalledSeconds: number): Exclude<MessageKey, "init.failed"> {
  if (model.phase === "failed") return "init.retrying";
  if (stalledSeconds > 0) return "init.stalled";
  if (model.phase === "queued" && model.restarts > 0) return "init.restarting";
  return `init.${model.phase === "connecting" ? "queued" : model.phase}`;
}

function leastAdvanced(models: readonly FakeModel[]): FakeModel {
  const rank = ({ phase }: FakeModel) => (PHASE_ORDER as readonly Phase[]).indexOf(phase);
  return models.reduce((least, model) => (rank(model) < rank(least) ? model : least));
}

function longestWait(models: readonly FakeModel[]): number | null {
  const waits = models.filter(({ phase }) => phase !== "ready").map((model) => model.estimatedSeconds);
  return waits.some((wait) => wait === null) ? null : Math.max(...waits.map(Number));
}

const BYTES = 90_868_376;

function modelState(model: FakeModel): ModelState {
  const isReady = model.phase === "ready";
  const estimated = isReady ? 0 : model.estimatedSeconds;
  return {
    name: model.name,
    task: "embed",
    required: model.required,
    version: "1110a243",
    phase: model.phase,
    progress: model.progress,
    estimated_seconds: estimated,
    estimate_basis: estimated === null || isReady ? null : "history",
    attempt: model.attempt,
    retry_at: model.retryAt === null ? null : timestamp(model.retryAt),
    error: model.error,
    stages: isReady ? [] : stagesAt(model.progress),
    bytes_done: Math.round(BYTES * Math.min(1, model.progress / 50)),
    bytes_total: BYTES,
    bytes_per_second: null,
    target: null,
    previous: null,
  };
}

const STAGES: readonly (readonly [StageName, number])[] = [
  ["download", 50],
  ["import", 30],
  ["weights", 15],
  ["warmup", 5],
];

/** One stage after the other, each filled as far as the percentage reaches. */
function stagesAt(percent: number): StageState[] {
  let before = 0;
  return STAGES.map(([name, size]) => {
    const done = Math.min(1, Math.max(0, (percent - before) / size));
    before += size;
    return { name, share: size / 100, done };
  });
}

/** RFC 3339, UTC, milliseconds. */
export function timestamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

import { type Countdown, isSameRemaining, type Remaining, remaining, withEstimate } from "./countdown.ts";
import type { LinkStatus } from "./link.ts";
import type { InitState, ModelError, ModelState, Phase, Status } from "./protocol.gen.ts";

/**
 * What one scope looks like to a person. Pure: snapshots and the time go in, a new state comes out, and an older
 * snapshot changes nothing. Snapshots reach a page by three roads (socket, poll, refusal) and overtake each other.
 */
export type Explanation = "server_restarted" | "model_restarted";

export interface ReadinessView {
  readonly phase: Phase;
  readonly ready: boolean;
  /** `null` until the first snapshot. */
  readonly status: Status | null;
  /** Never falls within one (epoch, round); 100 only when ready. */
  readonly progress: number;
  readonly message: string;
  readonly remaining: Remaining;
  /** 0 while work moves. */
  readonly stalledSeconds: number;
  /** Why it loads again, until it is ready. */
  readonly explanation: Explanation | null;
  readonly error: ModelError | null;
  /** The model that failed, for `retryModel`. */
  readonly failedModel: string | null;
  /** Seconds until the server tries again by itself. */
  readonly retryInSeconds: number | null;
  readonly link: LinkStatus;
  readonly snapshot: InitState | null;
}

export interface ReadinessState {
  readonly snapshot: InitState | null;
  readonly receivedAt: number;
  readonly highWater: number;
  readonly countdown: Countdown | null;
  readonly explanation: Explanation | null;
  /** Earlier server lives: their late answers are dropped. */
  readonly retiredEpochs: readonly string[];
}

const RETIRED_KEPT = 8;
const UNREADY_MAXIMUM = 99;

export const INITIAL_READINESS: ReadinessState = {
  snapshot: null,
  receivedAt: 0,
  highWater: 0,
  countdown: null,
  explanation: null,
  retiredEpochs: [],
};

/** Returns the same object when the snapshot says nothing new. */
export function accept(state: ReadinessState, snapshot: InitState, now: number): ReadinessState {
  if (isOutdated(state, snapshot)) return state;
  const change = explain(state.snapshot, snapshot);
  const isFresh = change !== null || state.snapshot === null;
  const isNewCount = isFresh || attempts(snapshot) > attempts(state.snapshot);
  const progress = honestProgress(snapshot);
  const countdown = withEstimate(isNewCount ? null : state.countdown, snapshot.estimated_seconds, now);
  return {
    snapshot,
    receivedAt: now,
    highWater: isFresh || snapshot.ready ? progress : Math.max(state.highWater, progress),
    countdown: snapshot.ready ? null : countdown,
    explanation: change ?? state.explanation,
    retiredEpochs: retired(state, snapshot),
  };
}

/** Tries of all models so far: another one is another countdown. */
function attempts(snapshot: InitState | null): number {
  return snapshot?.models.reduce((sum, model) => sum + model.attempt, 0) ?? 0;
}

function isOutdated(state: ReadinessState, snapshot: InitState): boolean {
  if (state.retiredEpochs.includes(snapshot.epoch)) return true;
  const known = state.snapshot;
  if (known === null || known.epoch !== snapshot.epoch) return false;
  return snapshot.seq <= known.seq || snapshot.round < known.round;
}

function explain(before: InitState | null, after: InitState): Explanation | null {
  if (before === null) return null;
  if (before.epoch !== after.epoch) return "server_restarted";
  // A server that forgot to raise the round has still stopped being ready.
  const isOver = before.round !== after.round || (before.ready && !after.ready);
  return isOver ? "model_restarted" : null;
}

function retired(state: ReadinessState, snapshot: InitState): readonly string[] {
  const before = state.snapshot?.epoch;
  if (before === undefined || before === snapshot.epoch) return state.retiredEpochs;
  return [...state.retiredEpochs, before].slice(-RETIRED_KEPT);
}

/** 100 if and only if ready, also when a server breaks that law. */
function honestProgress(snapshot: InitState): number {
  return snapshot.ready ? 100 : Math.min(UNREADY_MAXIMUM, Math.max(0, Math.floor(snapshot.progress)));
}

export function view(state: ReadinessState, link: LinkStatus, now: number): ReadinessView {
  const { snapshot } = state;
  if (snapshot === null) return { ...EMPTY_VIEW, link };
  const failed = snapshot.models.find((model) => model.phase === "failed") ?? null;
  return {
    phase: snapshot.phase,
    ready: snapshot.ready,
    status: snapshot.status,
    progress: state.highWater,
    message: snapshot.message,
    remaining: snapshot.ready ? { kind: "unknown" } : remaining(state.countdown, now),
    stalledSeconds: stalledSeconds(state, now),
    explanation: state.explanation,
    error: failed?.error ?? snapshot.models.find((model) => model.error)?.error ?? null,
    failedModel: failed?.name ?? null,
    retryInSeconds: retryInSeconds(snapshot.models, state.receivedAt, snapshot.at, now),
    link,
    snapshot,
  };
}

const EMPTY_VIEW: Omit<ReadinessView, "link"> = {
  phase: "connecting",
  ready: false,
  status: null,
  progress: 0,
  message: "Connecting to the server",
  remaining: { kind: "unknown" },
  stalledSeconds: 0,
  explanation: null,
  error: null,
  failedModel: null,
  retryInSeconds: null,
  snapshot: null,
};

function stalledSeconds({ snapshot, receivedAt }: ReadinessState, now: number): number {
  if (snapshot === null || snapshot.ready || snapshot.stalled_seconds === 0) return 0;
  return snapshot.stalled_seconds + Math.max(0, Math.floor((now - receivedAt) / 1_000));
}

/** Counted from the server's own `at`, so that a person's wrong clock does not show "in 3 hours". */
function retryInSeconds(models: ModelState[], receivedAt: number, at: string, now: number): number | null {
  const tries = models.map((model) => model.retry_at).filter((moment) => moment !== null);
  const waits = tries.map((moment) => Date.parse(moment) - Date.parse(at)).filter(Number.isFinite);
  if (waits.length === 0) return null;
  return Math.max(0, Math.ceil((Math.min(...waits) - (now - receivedAt)) / 1_000));
}

export function isSameView(left: ReadinessView, right: ReadinessView): boolean {
  return (
    left.snapshot === right.snapshot &&
    left.link === right.link &&
    left.stalledSeconds === right.stalledSeconds &&
    left.retryInSeconds === right.retryInSeconds &&
    isSameRemaining(left.remaining, right.remaining)
  );
}

import { type Countdown, type Remaining, remaining, withEstimate, withLook } from "./countdown.ts";
import type { LinkStatus } from "./link-status.ts";
import type { InitState, ModelError, Phase, Status } from "./protocol.gen.ts";

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
  /** Why it loads again; the snapshot that says "ready" still has it, the next one no longer. */
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
  const isOver = snapshot.ready || snapshot.status === "error";
  const progress = honestProgress(snapshot);
  const countdown = withEstimate(isNewCount ? null : state.countdown, snapshot.estimated_seconds, now);
  return {
    snapshot,
    receivedAt: now,
    highWater: isFresh || snapshot.ready ? progress : Math.max(state.highWater, progress),
    countdown: isOver ? null : countdown,
    explanation: change ?? (state.snapshot?.ready ? null : state.explanation),
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
  // A round that fell breaks the server's law; taking it would break ours, that nothing falls within a round.
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
  const { snapshot: before, retiredEpochs } = state;
  if (before === null || before.epoch === snapshot.epoch) return retiredEpochs;
  return [...retiredEpochs, before.epoch].slice(-RETIRED_KEPT);
}

/** 100 if and only if ready, also when a server breaks that law. */
function honestProgress(snapshot: InitState): number {
  return snapshot.ready ? 100 : Math.min(UNREADY_MAXIMUM, Math.max(0, Math.floor(snapshot.progress)));
}

export function view(state: ReadinessState, link: LinkStatus, now: number): ReadinessView {
  const { snapshot } = state;
  const models = snapshot?.models ?? [];
  const failed = models.find((model) => model.phase === "failed");
  return {
    phase: snapshot?.phase ?? "connecting",
    ready: snapshot?.ready ?? false,
    status: snapshot?.status ?? null,
    progress: state.highWater,
    message: snapshot?.message ?? "Connecting to the server",
    remaining: remaining(state.countdown, now),
    stalledSeconds: stalledSeconds(state, now),
    explanation: state.explanation,
    error: failed?.error ?? models.find((model) => model.error)?.error ?? null,
    failedModel: failed?.name ?? null,
    retryInSeconds: retryInSeconds(state, now),
    link,
    snapshot,
  };
}

/** The wall clock may be set back; a duration may not. */
function secondsSince({ receivedAt }: ReadinessState, now: number): number {
  return Math.max(0, (now - receivedAt) / 1_000);
}

function stalledSeconds(state: ReadinessState, now: number): number {
  const { snapshot } = state;
  if (snapshot === null || snapshot.ready || snapshot.stalled_seconds === 0) return 0;
  return snapshot.stalled_seconds + Math.floor(secondsSince(state, now));
}

/** Counted from the server's own `at`, so that a person's wrong clock does not show "in 3 hours". */
function retryInSeconds(state: ReadinessState, now: number): number | null {
  const { models, at } = state.snapshot ?? { models: [], at: "" };
  const waits = models.map(({ retry_at }) => Date.parse(retry_at ?? "") - Date.parse(at));
  const known = waits.filter(Number.isFinite);
  if (known.length === 0) return null;
  return Math.max(0, Math.ceil(Math.min(...known) / 1_000 - secondsSince(state, now)));
}

/** Whether the clock alone can change what is shown. */
export function isMoving({ remaining, stalledSeconds, retryInSeconds }: ReadinessView): boolean {
  return remaining.kind !== "unknown" || stalledSeconds > 0 || Boolean(retryInSeconds);
}

/** Remembers what the clock has shown: it may be set back, the numbers may not. */
export function looked(state: ReadinessState, now: number): ReadinessState {
  return state.countdown === null ? state : { ...state, countdown: withLook(state.countdown, now) };
}

export function isSameView(left: ReadinessView, right: ReadinessView): boolean {
  return left.snapshot === right.snapshot && left.link === right.link && numbers(left) === numbers(right);
}

/** What the clock alone can change. */
function numbers({ remaining, stalledSeconds, retryInSeconds }: ReadinessView): string {
  return JSON.stringify([remaining, stalledSeconds, retryInSeconds]);
}

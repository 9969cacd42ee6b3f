/** The parts of the card. Each shows what `useOverlay` found, and knows nothing else. */
import type { ReactNode } from "react";
import { fill, type Subject } from "./messages.ts";
import type { Overlay } from "./useOverlay.ts";
import { stageProgress, stageText, transferOf } from "./words.ts";

/** Drawn here, so that the card needs no font and no request. */
const TURN = "M12 4a8 8 0 1 1-8 8";
const CLOCK = "M12 8v4l3 2M12 4a8 8 0 1 0 .01 0";
const LOST = "M4 10a12 12 0 0 1 16 0M7 13a8 8 0 0 1 10 0M10 17a3 3 0 0 1 4 0M5 5l14 14";
const PATHS: Record<Subject, string> = {
  connecting: TURN,
  queued: CLOCK,
  downloading: "M12 4v11m-4-4l4 4 4-4M5 20h14",
  loading: TURN,
  finalizing: "M12 4l2 6 6 2-6 2-2 6-2-6-6-2 6-2z",
  ready: "M5 13l4 4L19 7",
  failed: "M12 9v5m0 3v0M12 4l9 16H3z",
  stalled: CLOCK,
  reconnecting: LOST,
  draining: "M20 12a8 8 0 1 1-2-5l2 2m0-5v5h-5",
  offline: LOST,
};

export function PhaseIcon({ subject }: Overlay) {
  const path = PATHS[subject];
  return (
    <svg className="gr-icon" viewBox="0 0 24 24" aria-hidden="true">
      <path className={path === TURN ? "gr-spin" : ""} d={path} />
    </svg>
  );
}

export function Progress({ progress, title, valueText, countdown, words }: Overlay) {
  const isKnown = progress !== null;
  return (
    <>
      <div
        role="progressbar"
        className="gr-bar"
        aria-label={title}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={progress ?? undefined}
        aria-valuetext={valueText}
      >
        {/* Another key, another bar: the marker for "unknown" must not shrink into the first real value. */}
        <div key={String(isKnown)} style={{ inlineSize: `${progress ?? 25}%` }} />
      </div>
      {/* The bar has said it already. */}
      <p className="gr-row" aria-hidden="true">
        <b>{isKnown && words.percent(progress)}</b>
        <span>{countdown}</span>
      </p>
    </>
  );
}

/** What can be done: after a failure another try, and at any time what the app offers meanwhile. */
export function Actions({ state, view, retry, words, children }: Overlay & { children: ReactNode }) {
  const isFailed = state === "failed";
  const seconds = view.retryInSeconds;
  return (
    <>
      {isFailed && seconds !== null && <p>{fill(words.retryIn, { time: words.duration(seconds) })}</p>}
      {isFailed && retry.problem && (
        <p role="alert" lang="en">
          {retry.problem}
        </p>
      )}
      <div className="gr-actions">
        {isFailed && retry.run && (
          <button type="button" className="gr-main" aria-disabled={retry.isAsking} onClick={retry.run}>
            {retry.isAsking ? words.asking : words.retry}
          </button>
        )}
        {children}
      </div>
    </>
  );
}

/** Requests that go out by themselves once their models are ready. */
export function QueueList({ queue: { requests, cancel, cancelAll }, words }: Overlay) {
  if (requests.length === 0) return null;
  return (
    <div className="gr-part">
      <p className="gr-row">
        <b>{words.queue}</b>
        {requests.length > 1 && (
          <button type="button" onClick={cancelAll}>
            {words.cancelAll}
          </button>
        )}
      </p>
      <ol aria-label={words.queue}>
        {requests.map(({ id, position, label, state }) => (
          <li key={id} className="gr-row" data-queue-position={position}>
            <span>{words.number(position)}.</span>
            <span className="gr-label">
              {label}
              {state === "sending" && ` (${words.sending})`}
            </span>
            <button type="button" aria-label={fill(words.cancelOne, { label })} onClick={() => cancel(id)}>
              {words.cancel}
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** The measured pieces of each load, on demand. */
export function StageList({ models, words }: Overlay) {
  if (models.length === 0) return null;
  return (
    <details className="gr-part">
      <summary>{words.details}</summary>
      {models.map((model) => (
        <div key={model.name}>
          <p className="gr-row">
            <b>{model.name}</b>
            <span>{transferOf(words, model)}</span>
          </p>
          <ul>
            {model.stages.map((stage) => (
              <li
                key={stage.name}
                className="gr-row"
                data-stage={stage.name}
                data-stage-state={stageProgress(stage)}
              >
                <span>{words.stages[stage.name] ?? stage.name}</span>
                <span>{stageText(words, stage)}</span>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </details>
  );
}

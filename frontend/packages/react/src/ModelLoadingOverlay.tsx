import type { ReadinessView } from "@greenroom/client";
import { useEffect, useState } from "react";
import { useAnnouncement } from "./announce.ts";
import { Failure } from "./Failure.tsx";
import { useModelReadiness, useRequestQueue, useSettled } from "./hooks.ts";
import { PhaseIcon } from "./PhaseIcon.tsx";
import { QueueList } from "./QueueList.tsx";
import { StageList } from "./StageList.tsx";
import { countdownText, ENGLISH, type Labels, type OverlayState, overlayState } from "./words.ts";

export interface ModelLoadingOverlayProps {
  /** The models to speak for; by default those that the server requires. */
  scope?: readonly string[] | null;
  position?: "top" | "bottom";
  labels?: Labels;
}

const READY_NOTE_MS = 2_500;
/** A line that comes back within this time is not worth a word to somebody who can work. */
const LOST_GRACE_MS = 1_200;

/**
 * A card in the corner, not a dialog: people go on writing underneath it. For tests it carries
 * `data-greenroom-overlay`, `data-state`, `data-phase` and `data-progress`; those are a contract.
 */
export function ModelLoadingOverlay({
  scope = null,
  position = "bottom",
  labels = ENGLISH,
}: ModelLoadingOverlayProps) {
  const view = useModelReadiness(scope);
  const state = useCalmState(view);
  const isShown = useIsShown(state, view.snapshot !== null);
  const announcement = useAnnouncement(view, labels);
  return (
    <>
      <div role="status" aria-live="polite" className="gr-visually-hidden">
        {announcement}
      </div>
      {isShown && <Card view={view} state={state} position={position} labels={labels} />}
    </>
  );
}

/** While everything answered, a short gap in the line is kept to ourselves. */
function useCalmState(view: ReadinessView): OverlayState {
  const state = overlayState(view);
  const isGap = view.ready && state !== "ready";
  const settled = useSettled(state, isGap ? LOST_GRACE_MS : 0);
  return isGap && settled !== state ? "ready" : state;
}

/** "Ready" stays for a moment, for those who have seen it load; who arrives later sees nothing at all. */
function useIsShown(state: OverlayState, hasSnapshot: boolean): boolean {
  const [sawLoading, setSawLoading] = useState(false);
  useEffect(() => {
    if (state !== "ready") {
      if (hasSnapshot) setSawLoading(true);
      return;
    }
    const timer = setTimeout(() => setSawLoading(false), READY_NOTE_MS);
    return () => clearTimeout(timer);
  }, [state, hasSnapshot]);
  return state !== "ready" || sawLoading;
}

interface CardProps {
  view: ReadinessView;
  state: OverlayState;
  position: "top" | "bottom";
  labels: Labels;
}

function Card({ view, state, position, labels }: CardProps) {
  const { requests, cancel } = useRequestQueue();
  const data = { "data-state": state, "data-phase": view.phase, "data-progress": view.progress };
  return (
    <section
      className={`gr-card gr-${position}`}
      aria-label="Model status"
      data-greenroom-overlay=""
      {...data}
    >
      <header className="gr-head">
        <PhaseIcon state={state} phase={view.phase} />
        <div className="gr-words">
          <p className="gr-title">{labels.title(view, state)}</p>
          <p className="gr-quiet">{labels.detail(view, state)}</p>
        </div>
      </header>
      {!view.ready && state !== "failed" && <Progress view={view} label={labels.title(view, state)} />}
      {state === "failed" && <Failure view={view} />}
      <QueueList requests={requests} onCancel={cancel} />
      {state !== "ready" && view.snapshot !== null && (
        <StageList models={view.snapshot.models} labels={labels} />
      )}
    </section>
  );
}

function Progress({ view, label }: { view: ReadinessView; label: string }) {
  const isKnown = view.snapshot !== null;
  return (
    <div className="gr-progress">
      <div
        role="progressbar"
        className="gr-bar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        {...(isKnown && { "aria-valuenow": view.progress })}
      >
        <svg className="gr-fill" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
          {/* Another key, another bar: the marker for "unknown" must not shrink into the first real value. */}
          <rect key={String(isKnown)} width={isKnown ? view.progress : 25} height="1" />
        </svg>
      </div>
      <p className="gr-figures">
        <span className="gr-number">{isKnown ? `${view.progress} %` : ""}</span>
        <span>{countdownText(view)}</span>
      </p>
    </div>
  );
}

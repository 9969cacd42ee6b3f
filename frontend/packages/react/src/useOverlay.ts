import type { ModelState, Phase, ReadinessView } from "@greenroom/client";
import { useEffect, useState } from "react";
import { useAnnouncement } from "./announce.ts";
import { useWords } from "./context.tsx";
import { type RequestQueueView, type Retry, useModelReadiness, useRequestQueue, useRetry } from "./hooks.ts";
import type { Subject } from "./messages.ts";
import { type OverlayState, overlayState } from "./states.ts";
import { countdownOf, detailOf, subjectOf, titleOf, type Words } from "./words.ts";

export interface OverlayOptions {
  /** The models to speak for; by default those that the server requires. */
  scope?: readonly string[] | null | undefined;
}

/** Everything that the default looks use, for looks of your own. */
export interface Overlay {
  view: ReadinessView;
  state: OverlayState;
  phase: Phase;
  /** Key of the title, the detail and the icon. */
  subject: Subject;
  /** Not while it is ready within 0.4 s; then until 2.5 s after it became ready. */
  isShown: boolean;
  title: string;
  /** In the server's words, English, when the state is `failed`. */
  detail: string;
  hasBar: boolean;
  /** Whole per cent; `null` while unknown. */
  progress: number | null;
  countdown: string | null;
  /** For `aria-valuetext`. */
  valueText: string | undefined;
  /** For the one `role=status`. */
  announcement: string;
  /** With their stages; empty when there is nothing to tell. */
  models: readonly ModelState[];
  queue: RequestQueueView;
  retry: Retry;
  words: Words;
}

export function useOverlay({ scope = null }: OverlayOptions = {}): Overlay {
  const words = useWords();
  const view = useModelReadiness(scope);
  const state = useCalmState(overlayState(view), view.ready);
  const isShown = useIsShown(state);
  return {
    ...facts(view, state, words),
    isShown,
    announcement: useAnnouncement(view, state, isShown, words),
    queue: useRequestQueue(),
    retry: useRetry(view),
  };
}

function facts(view: ReadinessView, state: OverlayState, words: Words) {
  const progress = view.snapshot && view.progress;
  const models = view.snapshot?.models ?? [];
  return {
    view,
    state,
    words,
    phase: view.phase,
    subject: subjectOf(view, state),
    title: titleOf(words, view, state),
    detail: detailOf(words, view, state),
    hasBar: !view.ready && state !== "failed",
    progress,
    countdown: countdownOf(words, view, state),
    valueText: valueText(view, state, words, progress),
    models: state === "ready" ? [] : models.filter((model) => model.stages.length > 0),
  };
}

function valueText(view: ReadinessView, state: OverlayState, words: Words, progress: number | null) {
  if (progress === null) return undefined;
  const countdown = countdownOf(words, view, state, true);
  return words.percent(progress, true) + (countdown === null ? "" : `, ${countdown}`);
}

/** What is ready by then needs no card. */
const SHOW_AFTER_MS = 400;
/** A line that comes back within 1.2 s in all is not worth a word to somebody who can work. */
const LOST_GRACE_MS = 800;
/** "Ready" stays as long for those who saw the card; so no card is ever shown for less than 0.4 s. */
const READY_NOTE_MS = 2_500;

/** Whether the card is there: it comes late, and it stays for a word when all is well. */
function useIsShown(state: OverlayState): boolean {
  const [isShown, setIsShown] = useState(false);
  const isOver = state === "ready";
  useEffect(() => {
    const timer = setTimeout(setIsShown, isOver ? READY_NOTE_MS : SHOW_AFTER_MS, !isOver);
    return () => clearTimeout(timer);
  }, [isOver]);
  return isShown;
}

/** While everything answered, a short gap in the line is kept to ourselves. */
function useCalmState(state: OverlayState, isReady: boolean): OverlayState {
  const isGap = isReady && state !== "ready";
  const [isLong, setIsLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(setIsLong, isGap ? LOST_GRACE_MS : 0, isGap);
    return () => clearTimeout(timer);
  }, [isGap]);
  return isGap && !isLong ? "ready" : state;
}

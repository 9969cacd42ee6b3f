import type { ModelState, Phase, ReadinessView } from "@greenroom/client";
import { useMemo } from "react";
import { useAnnouncement } from "./announce.ts";
import { useWords } from "./context.tsx";
import { type Diagnostics, useDiagnostics } from "./diagnostics.ts";
import { type RequestQueueView, useModelReadiness, useRequestQueue } from "./hooks.ts";
import type { Messages, Subject } from "./messages.ts";
import { useCalmState, useIsShown } from "./presence.ts";
import { type ReadyNotice, useReadyNotice } from "./ready-notice.ts";
import { type Retry, useRetry } from "./retry.ts";
import { type OverlayState, overlayState } from "./states.ts";
import { countdownOf, createWords, detailOf, subjectOf, titleOf, type Words } from "./words.ts";

export interface OverlayOptions {
  /** The models to speak for; by default those that the server requires. */
  scope?: readonly string[] | null | undefined;
  /** Default: the provider's. */
  messages?: Messages | undefined;
  /** BCP 47. Default: the provider's. */
  locale?: string | undefined;
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
  diagnostics: Diagnostics;
  notice: ReadyNotice;
  words: Words;
}

export function useOverlay({ scope = null, messages, locale }: OverlayOptions = {}): Overlay {
  const given = useWords();
  const words = useMemo(
    () => (messages || locale ? createWords(messages ?? given.messages, locale) : given),
    [given, messages, locale],
  );
  const view = useModelReadiness(scope);
  const state = useCalmState(overlayState(view), view.ready);
  const isShown = useIsShown(state);
  return {
    ...facts(view, state, words),
    isShown,
    announcement: useAnnouncement(view, state, isShown, words),
    queue: useRequestQueue(),
    retry: useRetry(view),
    diagnostics: useDiagnostics(view),
    notice: useReadyNotice(state === "ready", words.messages.title.ready),
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
  return words.format.percent(progress, true) + (countdown === null ? "" : `, ${countdown}`);
}

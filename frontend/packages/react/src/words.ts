import type { ModelState, ReadinessView, StageState } from "@greenroom/client";
import { createFormat, type Format, pickLocale } from "./format.ts";
import { CARD, fill, type Subject } from "./messages.ts";
import { isLost, isRefused, type OverlayState } from "./states.ts";

/** A table of messages, and the way of writing numbers that goes with it. */
export type Words = typeof CARD & Format;

export function createWords(messages: typeof CARD = CARD, locale?: string): Words {
  return { ...messages, ...createFormat(locale ?? pickLocale(messages.language)) };
}

/** While a model loads its phase says more than the state. */
export function subjectOf({ phase }: ReadinessView, state: OverlayState): Subject {
  return state === "loading" || state === "polling" ? (phase as Subject) : state;
}

export function titleOf(words: Words, view: ReadinessView, state: OverlayState): string {
  return words.title[isRefused(view) && state === "failed" ? "refused" : subjectOf(view, state)];
}

export function detailOf(words: Words, view: ReadinessView, state: OverlayState): string {
  const { detail } = words;
  // In the server's own words, which are English.
  if (state === "failed") return isRefused(view) ? view.link.reason : (view.error?.message ?? view.message);
  if (state === "connecting" && view.link.state === "reconnecting") return detail.unanswered;
  const key = state === "polling" ? state : (subjectOf(view, state) as keyof typeof detail);
  const text = fill(detail[key], { time: words.duration(view.stalledSeconds) });
  return view.explanation && !isLost(state) ? `${detail[view.explanation]} ${text}` : text;
}

export function countdownOf(
  words: Words,
  { ready, snapshot, remaining }: ReadinessView,
  state: OverlayState,
  long = false,
): string | null {
  if (ready || state === "failed" || state === "stalled" || isLost(state)) return null;
  // Only earlier loads on that machine tell what is usual.
  if (remaining.kind === "longer")
    return snapshot?.estimate_basis === "history" ? words.longerThanUsual : words.longer;
  return remaining.kind === "seconds"
    ? fill(words.left, { time: words.duration(remaining.seconds, long) })
    : null;
}

/** Bytes, speed and attempt of one model. */
export function transferOf(words: Words, model: ModelState): string {
  const { bytes_done, bytes_total, bytes_per_second, attempt } = model;
  return [
    bytes_total !== null &&
      fill(words.transfer, { done: words.bytes(bytes_done ?? 0), total: words.bytes(bytes_total) }),
    bytes_per_second !== null && words.bytes(bytes_per_second, true),
    attempt > 1 && fill(words.attempt, { number: words.number(attempt) }),
  ]
    .filter(Boolean)
    .join(" · ");
}

export type StageProgress = "done" | "under-way" | "waiting";

export function stageProgress({ done }: StageState): StageProgress {
  return done >= 1 ? "done" : done > 0 ? "under-way" : "waiting";
}

export function stageText(words: Words, stage: StageState): string {
  const progress = stageProgress(stage);
  return progress === "under-way" ? words.percent(Math.floor(stage.done * 100)) : words[progress];
}

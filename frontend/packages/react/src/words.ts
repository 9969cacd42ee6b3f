import type { ModelState, ReadinessView, StageState } from "@greenroom/client";
import { createFormat, type Format, pickLocale } from "./format.ts";
import type { Subject } from "./messages.ts";
import { ENGLISH, fill, type Messages } from "./messages.ts";
import { isLost, isRefused, type OverlayState } from "./states.ts";

/** A table of messages and the way of writing numbers that goes with it. */
export interface Words {
  messages: Messages;
  format: Format;
}

export function createWords(messages: Messages = ENGLISH, locale?: string): Words {
  return { messages, format: createFormat(locale ?? pickLocale(messages.language)) };
}

/** While a model loads its phase says more than the state. */
export function subjectOf({ phase }: ReadinessView, state: OverlayState): Subject {
  return state === "loading" || state === "polling" ? (phase as Subject) : state;
}

export function titleOf({ messages }: Words, view: ReadinessView, state: OverlayState): string {
  return messages.title[isRefused(view) && state === "failed" ? "refused" : subjectOf(view, state)];
}

/** In the server's own words, which are English, or `null`. */
export function serverReason(view: ReadinessView, state: OverlayState): string | null {
  if (state !== "failed") return null;
  return isRefused(view) ? view.link.reason : (view.error?.message ?? view.message);
}

export function detailOf({ messages, format }: Words, view: ReadinessView, state: OverlayState): string {
  const { detail } = messages;
  if (state === "failed") return serverReason(view, state) ?? "";
  if (state === "connecting" && view.link.state === "reconnecting") return detail.unanswered;
  const time = format.duration(view.stalledSeconds);
  const text = fill(detail[state === "polling" ? state : (subjectOf(view, state) as keyof typeof detail)], {
    time,
  });
  const isAgain = view.explanation !== null && (state === "loading" || state === "polling");
  return isAgain ? `${detail[view.explanation]} ${text}` : text;
}

export function countdownOf(
  { messages, format }: Words,
  { ready, snapshot, remaining }: ReadinessView,
  state: OverlayState,
  long = false,
): string | null {
  if (ready || state === "failed" || state === "stalled" || isLost(state)) return null;
  // Only earlier loads on that machine tell what is usual.
  if (remaining.kind === "longer")
    return snapshot?.estimate_basis === "history" ? messages.longerThanUsual : messages.longer;
  return remaining.kind === "seconds"
    ? fill(messages.left, { time: format.duration(remaining.seconds, long) })
    : null;
}

/** Bytes, speed and attempt of one model. */
export function transferOf({ messages, format }: Words, model: ModelState): string {
  const { bytes_done, bytes_total, bytes_per_second, attempt } = model;
  const done = format.bytes(bytes_done ?? 0);
  return [
    bytes_total !== null && fill(messages.transfer, { done, total: format.bytes(bytes_total) }),
    bytes_per_second !== null && format.bytes(bytes_per_second, true),
    attempt > 1 && fill(messages.attempt, { number: format.number(attempt) }),
  ]
    .filter(Boolean)
    .join(" · ");
}

export type StageProgress = "done" | "under-way" | "waiting";

export function stageProgress({ done }: StageState): StageProgress {
  return done >= 1 ? "done" : done > 0 ? "under-way" : "waiting";
}

export function stageText({ messages, format }: Words, stage: StageState): string {
  const progress = stageProgress(stage);
  return progress === "under-way" ? format.percent(Math.floor(stage.done * 100)) : messages[progress];
}

/** What a button that needs the model may say, or `null` when it need not wait. */
export function waitHintOf({ messages, format }: Words, view: ReadinessView): string | null {
  const { hint } = messages;
  const { link, remaining } = view;
  if (link.state === "offline" || link.state === "reconnecting") return hint.lost;
  if (view.ready) return null;
  if (view.phase === "failed" || isRefused(view)) return hint.failed;
  return remaining.kind === "seconds"
    ? fill(hint.readyIn, { time: format.duration(remaining.seconds) })
    : hint.ready;
}

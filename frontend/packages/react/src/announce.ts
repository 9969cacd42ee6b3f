import type { ReadinessView } from "@greenroom/client";
import { useEffect, useRef, useState } from "react";
import { isLost, type OverlayState } from "./states.ts";
import { titleOf, type Words } from "./words.ts";

/**
 * What a screen reader hears besides the alert of a failure. A progress bar is no live region, and a live region
 * that followed every per cent would talk without end: so one sentence when the phase changes, another quarter is
 * done or nothing moves, and never two within ten seconds, except for those that change what people can do.
 */
export interface Announcement {
  readonly key: string;
  readonly text: string;
  /** Wall clock, milliseconds. */
  readonly at: number;
}

const PAUSE_MS = 10_000;

export function nextAnnouncement(
  before: Announcement | null,
  view: ReadinessView,
  state: OverlayState,
  now: number,
  words: Words,
): Announcement {
  const quarter = state === "loading" || state === "polling" ? Math.floor(view.progress / 25) : 0;
  const key = `${state} ${view.phase} ${quarter}`.replace("polling", "loading");
  if (before?.key === key) return before;
  const isUrgent = state === "ready" || state === "failed" || isLost(state);
  if (before !== null && !isUrgent && now - before.at < PAUSE_MS) return before;
  const progress = quarter > 0 ? `, ${words.percent(view.progress, true)}` : "";
  // A failure is told by its alert; saying it here as well would say it twice.
  return { key, text: state === "failed" ? "" : titleOf(words, view, state) + progress, at: now };
}

/** Nothing is said about a card that nobody sees. */
export function useAnnouncement(
  view: ReadinessView,
  state: OverlayState,
  isShown: boolean,
  words: Words,
): string {
  const last = useRef<Announcement | null>(null);
  const [text, setText] = useState("");
  useEffect(() => {
    const speak = () => {
      last.current = isShown ? nextAnnouncement(last.current, view, state, Date.now(), words) : null;
      setText(last.current?.text ?? "");
    };
    speak();
    // What came too soon is said when the pause is over, if it is still true then.
    const wait = (last.current?.at ?? 0) + PAUSE_MS - Date.now();
    const timer = wait > 0 && setTimeout(speak, wait);
    return () => clearTimeout(timer || undefined);
  }, [view, state, isShown, words]);
  return text;
}

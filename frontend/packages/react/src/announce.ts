import type { ReadinessView } from "@greenroom/client";
import { useEffect, useRef, useState } from "react";
import { ENGLISH, type Labels, overlayState } from "./words.ts";

/**
 * What a screen reader hears. A progress bar is no live region, and a live region that followed every per cent
 * would talk without end: so one sentence when the state changes or another quarter is done, and never two
 * within five seconds, except for those that change what people can do.
 */
export interface Announcement {
  readonly key: string;
  readonly text: string;
  readonly at: number;
}

const MIN_PAUSE_MS = 5_000;
const URGENT = new Set(["ready", "failed", "reconnecting", "offline"]);

export function nextAnnouncement(
  before: Announcement | null,
  view: ReadinessView,
  now: number,
  labels: Labels = ENGLISH,
): Announcement | null {
  const state = overlayState(view);
  const quarter = state === "loading" ? Math.floor(view.progress / 25) : 0;
  const key = `${state} ${view.phase} ${quarter}`;
  if (before?.key === key) return before;
  const isPatient = before !== null && !before.key.startsWith("connecting") && !URGENT.has(state);
  const isTooSoon = isPatient && now - before.at < MIN_PAUSE_MS;
  if (isTooSoon) return before;
  const progress = quarter > 0 ? `, ${view.progress} per cent` : "";
  const detail = state === "failed" ? `. ${labels.detail(view, state)}` : "";
  return { key, text: `${labels.title(view, state)}${progress}${detail}`, at: now };
}

export function useAnnouncement(view: ReadinessView, labels: Labels): string {
  const last = useRef<Announcement | null>(null);
  const [text, setText] = useState("");
  useEffect(() => {
    const speak = () => {
      last.current = nextAnnouncement(last.current, view, Date.now(), labels);
      setText(last.current?.text ?? "");
    };
    speak();
    // What came too soon is said when the pause is over, if it is still true then.
    const timer = setTimeout(speak, MIN_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [view, labels]);
  return text;
}

import type { ReadinessView, StageName } from "@greenroom/client";

/**
 * What the card says. One state at a time, the one that matters most to the person in front of it; the tests of
 * users read it from `data-state`.
 */
export type OverlayState =
  | "connecting"
  | "loading"
  | "stalled"
  | "polling"
  | "reconnecting"
  | "offline"
  | "failed"
  | "ready";

export function overlayState(view: ReadinessView): OverlayState {
  const { state } = view.link;
  if (state === "offline") return state;
  // What was never there cannot be lost.
  if (view.snapshot === null) return "connecting";
  if (state === "reconnecting") return state;
  if (view.ready) return "ready";
  if (view.phase === "failed") return "failed";
  if (view.stalledSeconds > 0) return "stalled";
  return state === "polling" ? "polling" : "loading";
}

export interface Labels {
  title(view: ReadinessView, state: OverlayState): string;
  detail(view: ReadinessView, state: OverlayState): string;
  stage: Record<StageName, string>;
}

const PHASE_TITLES: Record<ReadinessView["phase"], string> = {
  connecting: "Connecting…",
  queued: "About to load",
  downloading: "Downloading the model",
  loading: "Loading the model",
  finalizing: "Almost ready",
  ready: "Ready",
  failed: "The model could not be loaded",
};

const STATE_TITLES: Partial<Record<OverlayState, string>> = {
  offline: "You are offline",
  reconnecting: "Connection lost",
  stalled: "Loading takes longer than usual",
};

const PHASE_DETAILS: Record<ReadinessView["phase"], string> = {
  connecting: "Asking the server how far it is.",
  queued: "Loading begins in a moment.",
  downloading: "Its files are on their way to the server.",
  loading: "You can go on writing; nothing is lost.",
  finalizing: "Warming up and checking the first answers.",
  ready: "Everything answers now.",
  failed: "The server could not load it.",
};

export const ENGLISH: Labels = {
  title(view, state) {
    const title = STATE_TITLES[state] ?? PHASE_TITLES[view.phase];
    return view.explanation !== null && state === "loading" ? `${restarted(view)}: ${lower(title)}` : title;
  },
  detail(view, state) {
    if (state === "connecting" && view.link.state === "reconnecting") return "No answer yet; trying again.";
    if (state === "offline") return "It goes on by itself once your device is connected again.";
    if (state === "reconnecting") return "Trying to reach the server again. What you wrote is kept.";
    if (state === "failed") return view.error?.message ?? view.message;
    if (state === "stalled")
      return `Nothing has moved for ${duration(view.stalledSeconds)}. The server keeps watching.`;
    if (view.error !== null && !view.ready) return `${view.error.message} It starts again by itself.`;
    if (state === "polling") return "The live line is blocked, so progress arrives every few seconds.";
    return PHASE_DETAILS[view.phase];
  },
  stage: {
    resolve: "Find the version",
    download: "Download",
    import: "Start the runtime",
    weights: "Read the weights",
    warmup: "Warm up",
    check: "Check the answers",
  },
};

function restarted(view: ReadinessView): string {
  return view.explanation === "server_restarted" ? "The server restarted" : "The model restarted";
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

export function countdownText(view: ReadinessView): string | null {
  if (view.ready || view.phase === "failed" || view.stalledSeconds > 0) return null;
  // Only earlier loads on that machine tell what is usual.
  if (view.remaining.kind === "longer")
    return view.snapshot?.estimate_basis === "history"
      ? "taking longer than usual"
      : "a little longer than expected";
  return view.remaining.kind === "seconds" ? `about ${duration(view.remaining.seconds)} left` : null;
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  const rest = seconds % 60;
  return rest === 0 || minutes >= 10 ? `${minutes} min` : `${minutes} min ${rest} s`;
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

export function bytes(count: number): string {
  const power = count < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** power;
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[power]}`;
}

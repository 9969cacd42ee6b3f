import type { OverlayState } from "./states.ts";

/** What a title, a detail and an icon stand for: the phase while a model loads, the state otherwise. */
export type Subject =
  | Exclude<OverlayState, "loading" | "polling">
  | "queued"
  | "downloading"
  | "loading"
  | "finalizing";

/** Every word that the card shows or says. `{name}` is filled in; numbers and units come from `Intl`. */
export const CARD = {
  /** BCP 47. */
  language: "en",
  label: "Model status",
  title: {
    connecting: "Connecting…",
    queued: "About to load",
    downloading: "Downloading the model",
    loading: "Loading the model",
    finalizing: "Almost ready",
    ready: "Ready",
    failed: "The model could not be loaded",
    refused: "Connection refused",
    stalled: "Loading takes longer than usual",
    reconnecting: "Connection lost",
    draining: "The server restarts",
    offline: "You are offline",
  },
  detail: {
    connecting: "Asking the server.",
    unanswered: "No answer yet; trying again.",
    queued: "Loading begins in a moment.",
    downloading: "Its files are on their way.",
    loading: "You can go on writing; nothing is lost.",
    finalizing: "Checking the first answers.",
    ready: "Everything answers now.",
    stalled: "Nothing has moved for {time}.",
    polling: "Progress arrives every few seconds.",
    reconnecting: "What you wrote is kept; trying again.",
    draining: "What you wrote is kept; back in a moment.",
    offline: "Goes on once you are back online.",
    server_restarted: "The server restarted.",
    model_restarted: "The model restarted.",
  },
  left: "about {time} left",
  longer: "longer than expected",
  longerThanUsual: "taking longer than usual",
  stages: {
    resolve: "Find the version",
    download: "Download",
    import: "Start the runtime",
    weights: "Read the weights",
    warmup: "Warm up",
    check: "Check the answers",
  },
  details: "Details",
  done: "done",
  waiting: "waiting",
  transfer: "{done} of {total}",
  attempt: "attempt {number}",
  queue: "Waiting requests",
  sending: "being sent",
  cancel: "Cancel",
  cancelOne: "Cancel: {label}",
  cancelAll: "Cancel all",
  retryIn: "Next try by itself in {time}.",
  retry: "Try again",
  asking: "Asking…",
};

export function fill(text: string, values: Record<string, string>): string {
  return text.replace(/\{(\w+)\}/g, (hole, name: string) => values[name] ?? hole);
}

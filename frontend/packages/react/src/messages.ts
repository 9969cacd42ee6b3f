import type { OverlayState } from "./states.ts";

/** What a title, a detail and an icon stand for: the phase while a model loads, the state otherwise. */
export type Subject =
  | Exclude<OverlayState, "loading" | "polling">
  | "queued"
  | "downloading"
  | "loading"
  | "finalizing";

/** Every word that the package shows or says. `{name}` is filled in; numbers and units come from `Intl`. */
export const ENGLISH = {
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
    refused: "The server refused the connection",
    stalled: "Loading takes longer than usual",
    reconnecting: "Connection lost",
    draining: "The server restarts",
    offline: "You are offline",
  },
  detail: {
    connecting: "Asking the server how far it is.",
    unanswered: "No answer yet; trying again.",
    queued: "Loading begins in a moment.",
    downloading: "Its files are on their way to the server.",
    loading: "You can go on writing; nothing is lost.",
    finalizing: "Warming up and checking the first answers.",
    ready: "Everything answers now.",
    stalled: "Nothing has moved for {time}. The server keeps watching.",
    polling: "The live line is blocked, so progress arrives every few seconds.",
    reconnecting: "Trying to reach the server again. What you wrote is kept.",
    draining: "It will be back in a moment. What you wrote is kept.",
    offline: "It goes on by itself once your device is connected again.",
    server_restarted: "The server restarted.",
    model_restarted: "The model restarted.",
  },
  left: "about {time} left",
  longer: "a little longer than expected",
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
  copy: "Copy diagnostics",
  copied: "Copied",
  selected: "Diagnostics, to copy by hand",
  tell: "Tell me when ready",
  told: "You will be told, also in the page’s title.",
  hint: {
    ready: "Goes out when the model is ready",
    readyIn: "Goes out when the model is ready, in about {time}",
    lost: "Goes out when the server answers again",
    failed: "Goes out once the model could be loaded",
  },
};

export type Messages = typeof ENGLISH;

export function fill(text: string, values: Record<string, string>): string {
  return text.replace(/\{(\w+)\}/g, (hole, name: string) => values[name] ?? hole);
}

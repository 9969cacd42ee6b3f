import { CLOSE_CODES, type ReadinessView } from "@greenroom/client";

/**
 * One state at a time, the one that matters most to the person in front of it. Users' tests read it from
 * `data-state`, so that a name here is a contract.
 */
export type OverlayState =
  | "connecting"
  | "loading"
  | "stalled"
  | "polling"
  | "reconnecting"
  | "draining"
  | "offline"
  | "failed"
  | "ready";

export function overlayState(view: ReadinessView): OverlayState {
  const { state, code } = view.link;
  if (state === "offline") return state;
  if (isRefused(view)) return "failed";
  // What was never there cannot be lost.
  if (view.snapshot === null) return "connecting";
  if (state === "reconnecting") return code === CLOSE_CODES.SERVICE_RESTART ? "draining" : state;
  if (view.ready) return "ready";
  if (view.phase === "failed") return "failed";
  if (view.stalledSeconds > 0) return "stalled";
  return state === "polling" ? state : "loading";
}

/** The server ended the line for a reason that trying again does not mend (4400, 4401, 4413; 4000 and the status of a poll). */
export function isRefused({ link }: ReadinessView): boolean {
  return link.state === "stopped" && link.code >= CLOSE_CODES.MALFORMED;
}

/** The line is gone: what was known may be old, so no countdown. */
export function isLost(state: OverlayState): boolean {
  return state === "reconnecting" || state === "draining" || state === "offline";
}

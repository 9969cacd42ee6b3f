/**
 * Where the line to the server stands. The table is the whole behaviour of the states; `link.ts` only feeds it the
 * events of the socket (`line.ts`) and of the polls (`poller.ts`). `docs/link-states.md` is drawn from it.
 *
 * The socket carries everything. When it gives nothing in time or is lost, `GET /status` is polled *beside* the
 * attempts to get it back, so that a proxy without WebSockets costs smoothness and nothing else.
 */
export type LinkState = "idle" | "connecting" | "live" | "reconnecting" | "polling" | "offline" | "stopped";

export type LinkEvent =
  | "start"
  | "frame"
  | "lost"
  | "silent"
  | "poll_ok"
  | "poll_failed"
  | "network_gone"
  | "refused"
  | "finished"
  | "stop";

/** Whatever a running link hears leads somewhere; the rows name where they differ. */
const RUNNING = {
  frame: "live",
  lost: "reconnecting",
  silent: "reconnecting",
  poll_ok: "polling",
  poll_failed: "reconnecting",
  network_gone: "offline",
  refused: "stopped",
  finished: "stopped",
  stop: "stopped",
} as const;

export const LINK_TABLE: Record<LinkState, Partial<Record<LinkEvent, LinkState>>> = {
  idle: { start: "connecting", stop: "idle" },
  connecting: { ...RUNNING, poll_failed: "connecting" },
  live: { ...RUNNING, poll_ok: "live", poll_failed: "live" },
  reconnecting: RUNNING,
  polling: { ...RUNNING, lost: "polling", silent: "polling" },
  offline: { ...RUNNING, lost: "offline", silent: "offline" },
  stopped: { start: "connecting", stop: "stopped" },
};

/** Raises on an event that the table does not list, and changes nothing. */
export function nextLinkState(state: LinkState, event: LinkEvent): LinkState {
  const next = LINK_TABLE[state][event];
  if (next === undefined) throw new Error(`The link cannot take "${event}" while ${state}.`);
  return next;
}

/**
 * Where the line to the server stands. The table is the whole behaviour of the states; `link.ts` only owns the
 * sockets and timers that feed it events.
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

const ENDINGS = { refused: "stopped", finished: "stopped", stop: "stopped" } as const;

/** A socket is lost, or has not spoken yet: polls decide what a person is told meanwhile. */
const WITHOUT_SOCKET = {
  ...ENDINGS,
  frame: "live",
  poll_ok: "polling",
  network_gone: "offline",
} as const;

export const LINK_TABLE: Record<LinkState, Partial<Record<LinkEvent, LinkState>>> = {
  idle: { start: "connecting", stop: "idle" },
  connecting: { ...WITHOUT_SOCKET, lost: "reconnecting", silent: "reconnecting", poll_failed: "connecting" },
  live: { ...ENDINGS, frame: "live", lost: "reconnecting", silent: "reconnecting" },
  reconnecting: {
    ...WITHOUT_SOCKET,
    lost: "reconnecting",
    silent: "reconnecting",
    poll_failed: "reconnecting",
  },
  polling: { ...WITHOUT_SOCKET, lost: "polling", silent: "polling", poll_failed: "reconnecting" },
  offline: { ...WITHOUT_SOCKET, lost: "offline", silent: "offline", poll_failed: "reconnecting" },
  stopped: { start: "connecting", stop: "stopped" },
};

export class IllegalLinkEvent extends Error {
  constructor(
    readonly state: LinkState,
    readonly event: LinkEvent,
  ) {
    super(`The link cannot take "${event}" while ${state}.`);
    this.name = "IllegalLinkEvent";
  }
}

/** Raises on an event that the table does not list, and changes nothing. */
export function nextLinkState(state: LinkState, event: LinkEvent): LinkState {
  const next = LINK_TABLE[state][event];
  if (next === undefined) throw new IllegalLinkEvent(state, event);
  return next;
}

import { createLine } from "./line.ts";
import { IDLE, type LinkStatus } from "./link-status.ts";
import { type LinkEvent, nextLinkState } from "./link-table.ts";
import type { ServerMessage } from "./messages.ts";
import { createPoller } from "./poller.ts";
import type { CLOSE_CODES, InitState } from "./protocol.gen.ts";
import type { Seams } from "./seams.ts";

export type { LinkStatus } from "./link-status.ts";

export interface LinkOptions {
  socketUrl: string;
  statusUrl: string;
  seams: Seams;
  onSnapshot(snapshot: InitState): void;
  onMessage?(message: ServerMessage): void;
  onStatus?(status: LinkStatus): void;
}

export interface Link {
  start(): void;
  stop(): void;
  /** Look now: the page came back, or somebody pressed something. */
  resync(): void;
  status(): LinkStatus;
}

/** The type holds the number to the schema; the whole table would travel with every page. */
const SERVICE_RESTART: (typeof CLOSE_CODES)["SERVICE_RESTART"] = 1012;
/** A server that drains says when to come back; it may not send us away for good. */
const LONGEST_DRAIN_MS = 60_000;

export function createLink(options: LinkOptions): Link {
  const { seams, onSnapshot } = options;
  const { page } = seams;
  let status = IDLE;
  /** There exactly while the link runs. */
  let unsubscribe: (() => void) | null = null;

  function move(event: LinkEvent, code = 0, reason: string = event): void {
    const state = nextLinkState(status.state, event);
    // What keeps it where it is says less than what brought it there; but each lost socket may say something new.
    const isNews = state === "reconnecting" && code !== 0 && code !== status.code;
    if (state === status.state && !isNews) return;
    status = { state, code, reason };
    options.onStatus?.(status);
  }

  function end(event: "stop" | "refused" | "finished", code?: number, reason?: string): void {
    line.close();
    poller.stop();
    unsubscribe?.();
    unsubscribe = null;
    move(event, code, reason);
  }

  const poller = createPoller(seams, options.statusUrl, {
    onSnapshot(snapshot) {
      move("poll_ok");
      onSnapshot(snapshot);
    },
    onFailure() {
      if (page.isOnline()) return move("poll_failed");
      poller.start();
      move("network_gone");
    },
    // The server's own close codes are built in the same way.
    onRefusal: (httpStatus, detail) => end("refused", 4_000 + httpStatus, detail),
  });

  const line = createLine(seams, options.socketUrl, {
    onMessage(message) {
      poller.stop();
      move("frame");
      if (message.type === "initialization") onSnapshot(message);
      options.onMessage?.(message);
      if (message.type === "draining") drain(message.reconnect_in_ms);
    },
    onSlow: poller.start,
    onEnd(event, code, reason) {
      if (event === "refused" || event === "finished") return end(event, code, reason);
      poller.start();
      move(event, code, reason);
    },
  });

  /** No polls meanwhile: the server asked to be left alone, and would answer them until it is gone. */
  function drain(milliseconds: number): void {
    if (unsubscribe === null) return;
    line.openIn(Math.min(milliseconds, LONGEST_DRAIN_MS));
    move("lost", SERVICE_RESTART, "draining");
  }

  function resync(): void {
    if (unsubscribe === null) return;
    if (status.state !== "live" || !line.isBelieved()) {
      // `pageshow` also comes right after the first load: a young attempt is left alone.
      if (!line.hasSpoken() && line.isBelieved()) return;
      line.open();
      move("silent");
    }
    poller.ask();
  }

  return {
    resync,
    status: () => status,
    start() {
      if (unsubscribe !== null) return;
      unsubscribe = page.subscribe(() => page.isHidden() || resync());
      move("start");
      if (unsubscribe !== null) line.open();
    },
    stop: () => end("stop"),
  };
}

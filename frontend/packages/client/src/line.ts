import { reconnectDelay, reconnectLaterDelay } from "./delays.ts";
import { parseMessage, type ServerMessage } from "./messages.ts";
import { createEar } from "./patience.ts";
import { type CLOSE_CODES, CLOSE_VERDICTS, SUBPROTOCOL } from "./protocol.gen.ts";
import type { Random, Seams, Socket } from "./seams.ts";

/**
 * A socket that comes back. It knows when a socket is dead, when to open the next one and when never again; what that
 * means for the page is the link's business. At most one socket and at most one timer exist at any moment.
 */
export interface Line {
  /** Opens a new socket now, in the place of whatever is there. */
  open(): void;
  /** Lets go of the socket and of every timer. */
  close(): void;
  /** Lets go of the socket, and opens another after this delay. */
  openIn(milliseconds: number): void;
  /** Young, or heard of lately. */
  isBelieved(): boolean;
  hasSpoken(): boolean;
}

export interface LineEvents {
  onMessage(message: ServerMessage): void;
  /** Two seconds without a first frame; it may still come. Told more than once. */
  onSlow(): void;
  /** The socket is gone; unless it was `refused` or `finished` another one will be opened. */
  onEnd(event: "lost" | "silent" | "refused" | "finished", code: number, reason?: string): void;
}

type Backoff = (attempt: number, random: Random) => number;
type Verdict = "stop" | "reconnect" | "reconnect_later" | "fail";

/** The type holds the number to the schema; the whole table would travel with every page. */
const LOST: (typeof CLOSE_CODES)["LOST"] = 1006;
const FIRST_FRAME_MS = 2_000;
/** Timers sleep when a laptop does: it looks this often, and judges by the wall clock. */
const LOOK_MS = 5_000;
/** A server that greets and hangs up at once is not healthy: only a socket that held ends the backoff. */
const STEADY_MS = 10_000;

/** Both sides ignore what they do not know; an unknown close is a lost line. */
export function closeVerdict(code: number): Verdict {
  return (CLOSE_VERDICTS as Record<number, Verdict>)[code] ?? "reconnect";
}

export function createLine(seams: Seams, url: string, events: LineEvents): Line {
  const { clock, timers, random } = seams;
  const ear = createEar(clock);
  let socket: Socket | null = null;
  /** Either the next look at the socket or the next attempt: never both. */
  let timer: unknown;
  /** Events of a socket that was given up must not speak for its successor. */
  let generation = {};
  let attempt = 0;
  let openedAt = 0;
  let farewell: string | undefined;

  function close(): void {
    timers.clear(timer);
    generation = {};
    const old = socket;
    socket = null;
    old?.close();
  }

  function openIn(milliseconds: number): void {
    close();
    timer = timers.set(connect, milliseconds);
  }

  function connect(): void {
    close();
    farewell = undefined;
    openedAt = clock.now();
    ear.open();
    lookLater();
    const mine = generation;
    try {
      socket = seams.openSocket(url, SUBPROTOCOL, {
        onMessage: (data) => mine === generation && heard(data),
        onClose: (code, reason) => mine === generation && closed(code, reason || farewell),
      });
    } catch {
      closed(LOST, "the socket could not be opened");
    }
  }

  function heard(data: unknown): void {
    const message = parseMessage(data);
    ear.hear(message);
    if (message?.type === "error") farewell = message.message;
    if (message !== null) events.onMessage(message);
  }

  function closed(code: number, reason = `closed with ${code}`): void {
    const verdict = closeVerdict(code);
    if (verdict === "reconnect") return lose("lost", code, reason, reconnectDelay);
    if (verdict === "reconnect_later") return lose("lost", code, reason, reconnectLaterDelay);
    close();
    events.onEnd(verdict === "fail" ? "refused" : "finished", code, reason);
  }

  function lose(event: "lost" | "silent", code: number, reason: string | undefined, delay: Backoff): void {
    if (ear.hasHeard() && clock.now() - openedAt > STEADY_MS) attempt = 0;
    openIn(delay(attempt, random));
    attempt += 1;
    events.onEnd(event, code, reason);
  }

  function lookLater(): void {
    timer = timers.set(look, Math.min(ear.hasHeard() ? LOOK_MS : FIRST_FRAME_MS, ear.restMs()));
  }

  /** Sets the timer before it tells, so that whoever is told can stop everything. */
  function look(): void {
    if (ear.restMs() <= 0) return lose("silent", 0, undefined, reconnectDelay);
    lookLater();
    if (!ear.hasHeard()) events.onSlow();
  }

  return {
    close,
    openIn,
    open() {
      attempt = 0;
      connect();
    },
    hasSpoken: ear.hasHeard,
    isBelieved: () =>
      socket !== null && (ear.hasHeard() ? ear.restMs() > 0 : ear.silenceMs() < FIRST_FRAME_MS),
  };
}

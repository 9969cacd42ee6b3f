import { reconnectDelay, reconnectLaterDelay } from "./delays.ts";
import { type LinkEvent, type LinkState, nextLinkState } from "./link-table.ts";
import { parseMessage, type ServerMessage } from "./messages.ts";
import { patienceMs } from "./patience.ts";
import { createPoller } from "./poller.ts";
import { CLOSE_CODES, CLOSE_VERDICTS, type InitState, SUBPROTOCOL } from "./protocol.gen.ts";
import type { Seams, Socket } from "./seams.ts";

export interface LinkStatus {
  state: LinkState;
  /** The close code, or 0 where no socket said one. */
  code: number;
  /** Why it stands there, in English, for logs and for people who ask. */
  reason: string;
}

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

type Verdict = "stop" | "reconnect" | "reconnect_later" | "fail";

const FIRST_FRAME_MS = 2_000;
/** A proxy may swallow an upgrade without ever answering it. */
const CONNECT_MS = 10_000;
const WATCH_MS = 1_000;

/** Both sides ignore what they do not know; an unknown close is a lost line. */
export function closeVerdict(code: number): Verdict {
  return (CLOSE_VERDICTS as Record<string, Verdict>)[String(code)] ?? "reconnect";
}

class SocketLink implements Link {
  private current: LinkStatus = { state: "idle", code: 0, reason: "not started" };
  private socket: Socket | null = null;
  private generation: object | null = null;
  private spoke = false;
  private attempt = 0;
  private heardAt = 0;
  private heartbeatMs: number | undefined;
  private drainDelayMs: number | null = null;
  private latest: InitState | null = null;
  private reconnectTimer: unknown = null;
  private watchTimer: unknown = null;
  private unsubscribe: (() => void) | null = null;
  private readonly poller;

  constructor(private readonly options: LinkOptions) {
    this.poller = createPoller(options.seams, options.statusUrl, {
      onAnswer: (snapshot) => this.polled(snapshot),
      onFailure: () => this.pollFailed(),
    });
  }

  status(): LinkStatus {
    return this.current;
  }

  start(): void {
    if (this.isRunning()) return;
    this.attempt = 0;
    this.latest = null;
    this.drainDelayMs = null;
    this.move("start", 0, "connecting");
    this.unsubscribe = this.options.seams.page.subscribe(
      () => !this.options.seams.page.isHidden() && this.resync(),
    );
    this.connect();
    this.watch();
  }

  stop(): void {
    this.end("stop", 0, "stopped by the page");
  }

  resync(): void {
    if (!this.isRunning()) return;
    if (this.current.state === "live" && this.silenceMs() <= this.patience()) return this.poller.once();
    // `pageshow` also comes right after the first load: leave a young attempt alone.
    if (this.socket !== null && !this.spoke && this.silenceMs() < FIRST_FRAME_MS) return;
    this.dropSocket();
    if (this.current.state === "live") this.move("silent", 0, "the page came back to a silent line");
    this.attempt = 0;
    this.connect();
    this.poller.once();
  }

  private isRunning(): boolean {
    return this.current.state !== "idle" && this.current.state !== "stopped";
  }

  private connect(): void {
    const { seams, socketUrl } = this.options;
    this.clearReconnect();
    this.spoke = false;
    this.heardAt = seams.clock.now();
    // Events of a socket that was replaced must not speak for its successor.
    const generation = {};
    this.generation = generation;
    const ifCurrent = (action: () => void) => this.generation === generation && action();
    try {
      this.socket = seams.openSocket(socketUrl, SUBPROTOCOL, {
        onMessage: (data) => ifCurrent(() => this.heard(data)),
        onClose: (code, reason) => ifCurrent(() => this.closed(code, reason)),
      });
    } catch {
      this.closed(CLOSE_CODES.LOST, "the socket could not be opened");
    }
  }

  private heard(data: unknown): void {
    this.heardAt = this.options.seams.clock.now();
    const message = parseMessage(data);
    if (message === null) return;
    this.spoke = true;
    if (message.type === "hello") this.heartbeatMs = message.heartbeat_ms;
    if (message.type === "draining") this.drainDelayMs = message.reconnect_in_ms;
    if (message.type === "initialization") this.took(message);
    if (this.current.state !== "live") this.wentLive();
    this.options.onMessage?.(message);
  }

  private wentLive(): void {
    this.attempt = 0;
    this.poller.stop();
    this.move("frame", 0, "the server speaks");
  }

  private took(snapshot: InitState): void {
    this.latest = snapshot;
    this.options.onSnapshot(snapshot);
  }

  private closed(code: number, reason: string): void {
    const verdict = closeVerdict(code);
    const why = reason || `closed with ${code}`;
    if (verdict === "fail") return this.end("refused", code, why);
    if (verdict === "stop") return this.end("finished", code, why);
    this.dropSocket();
    this.move("lost", code, why);
    this.scheduleReconnect(verdict);
    this.poller.start();
  }

  private scheduleReconnect(verdict: "reconnect" | "reconnect_later"): void {
    const { random, timers } = this.options.seams;
    const backoff = verdict === "reconnect" ? reconnectDelay : reconnectLaterDelay;
    const delay = this.drainDelayMs ?? backoff(this.attempt, random);
    this.drainDelayMs = null;
    this.attempt += 1;
    this.clearReconnect();
    this.reconnectTimer = timers.set(() => this.connect(), delay);
  }

  /** One timer looks at the wall clock; it may fire late in a hidden tab, and still judges rightly. */
  private watch(): void {
    this.watchTimer = this.options.seams.timers.set(() => {
      this.watch();
      this.judgeSilence();
    }, WATCH_MS);
  }

  private judgeSilence(): void {
    if (this.socket === null) return;
    if (!this.spoke && this.silenceMs() >= FIRST_FRAME_MS) this.poller.start(true);
    if (this.silenceMs() <= (this.spoke ? this.patience() : CONNECT_MS)) return;
    this.dropSocket();
    this.move("silent", 0, "nothing was heard for too long");
    this.scheduleReconnect("reconnect");
    this.poller.start(true);
  }

  private silenceMs(): number {
    return this.options.seams.clock.now() - this.heardAt;
  }

  private patience(): number {
    return patienceMs(this.latest, this.heartbeatMs);
  }

  private polled(snapshot: InitState): void {
    if (!this.isRunning()) return;
    this.took(snapshot);
    if (this.current.state !== "live") this.move("poll_ok", 0, "the socket is silent; asking by HTTP");
  }

  private pollFailed(): void {
    if (!this.isRunning() || this.current.state === "live") return;
    const isOnline = this.options.seams.page.isOnline();
    if (isOnline) this.move("poll_failed", 0, "the server does not answer");
    else this.move("network_gone", 0, "this device is offline");
  }

  private end(event: "stop" | "refused" | "finished", code: number, reason: string): void {
    this.dropSocket();
    this.clearReconnect();
    this.poller.stop();
    this.options.seams.timers.clear(this.watchTimer);
    this.unsubscribe?.();
    this.unsubscribe = null;
    if (this.isRunning()) this.move(event, code, reason);
  }

  private dropSocket(): void {
    this.generation = null;
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  private clearReconnect(): void {
    this.options.seams.timers.clear(this.reconnectTimer);
    this.reconnectTimer = null;
  }

  private move(event: LinkEvent, code: number, reason: string): void {
    const state = nextLinkState(this.current.state, event);
    if (state === this.current.state && code === this.current.code) return;
    this.current = { state, code, reason };
    this.options.onStatus?.(this.current);
  }
}

export function createLink(options: LinkOptions): Link {
  return new SocketLink(options);
}

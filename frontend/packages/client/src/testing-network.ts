import { CLOSE_CODES } from "./protocol.gen.ts";
import type { OpenSocket, Socket, SocketEvents } from "./seams.ts";
import { type Calls, createCalls, type FakeCall } from "./testing-calls.ts";
import type { FakeTime } from "./testing-time.ts";

/** The server's end of one open socket. */
export interface ServerLine {
  readonly url: string;
  readonly isOpen: boolean;
  /** Text goes as it is; whatever else, a browser would hand over as binary. */
  send(data: unknown): void;
  close(code: number, reason?: string): void;
}

/** What stands behind the network. */
export interface Backend {
  connected(line: ServerLine): void;
  answer(call: FakeCall): Promise<Response> | Response;
  /** Nobody listens on the port. */
  isAway(): boolean;
}

export type SocketBlock = "refuse" | "swallow" | "throw";

/**
 * Everything between the page and the server. Faults for frames and for calls are lists: each order below is for the
 * frames or calls that come next, in the order in which they come, and is then used up.
 */
export interface FakeNetwork {
  /** One way, for frames and calls; 0 unless set. */
  latencyMs: number;
  /** Frames that never arrive. */
  dropFrames(count?: number): void;
  /** Frames that arrive twice. */
  duplicateFrames(count?: number): void;
  /** Frames that come this much later; others overtake them. */
  delayFrames(milliseconds: number, count?: number): void;
  /** The next frame comes right after the one that follows it. */
  swapFrames(): void;
  /** Open sockets stay open, and nothing comes through any more: a dead line that nobody told of. */
  silence(): void;
  speak(): void;
  /** A proxy without WebSockets: refuses them, swallows the upgrade, or (`throw`) the browser forbids them. */
  blockSockets(how?: SocketBlock): void;
  letSocketsThrough(): void;
  /** Sockets break (1006) and calls fail. Whether the *browser* noticed is `page.goOffline`. */
  down(): void;
  up(): void;
  /** Calls that break before they reach the server. */
  loseCalls(count?: number): void;
  /** Calls that reach the server, and whose answer is lost. */
  loseAnswers(count?: number): void;
  /** Answers that come this much later. */
  delayAnswers(milliseconds: number, count?: number): void;
  /** Calls that reach the server, and that a proxy answers in its place: 502, 503 with `Retry-After`, 504. */
  replaceAnswers(answer: () => Response, count?: number): void;
  /** No faults are left, nothing is blocked or silent. */
  heal(): void;
  /** Sockets that the server holds open now. */
  readonly lines: readonly ServerLine[];
}

type FrameFault = { kind: "drop" | "duplicate" | "swap" } | { kind: "delay"; milliseconds: number };

export interface NetworkEnd {
  network: FakeNetwork;
  openSocket: OpenSocket;
  fetch: Calls["fetch"];
  /** Every socket breaks: the server died. */
  cut(): void;
}

class Network implements FakeNetwork {
  latencyMs = 0;
  readonly calls: Calls;
  private readonly time: FakeTime;
  private readonly backend: Backend;
  private readonly open = new Set<Line>();
  private frameFaults: FrameFault[] = [];
  private block: SocketBlock | null = null;
  private isDown = false;
  isSilent = false;

  constructor(time: FakeTime, backend: Backend) {
    this.time = time;
    this.backend = backend;
    this.calls = createCalls(time, {
      latencyMs: () => this.latencyMs,
      isReachable: () => !this.isDown && !backend.isAway(),
      answer: backend.answer,
    });
  }

  get lines(): readonly ServerLine[] {
    return [...this.open];
  }

  dropFrames(count = 1): void {
    this.addFaults({ kind: "drop" }, count);
  }

  duplicateFrames(count = 1): void {
    this.addFaults({ kind: "duplicate" }, count);
  }

  delayFrames(milliseconds: number, count = 1): void {
    this.addFaults({ kind: "delay", milliseconds }, count);
  }

  swapFrames(): void {
    this.addFaults({ kind: "swap" }, 1);
  }

  silence(): void {
    this.isSilent = true;
  }

  speak(): void {
    this.isSilent = false;
  }

  blockSockets(how: SocketBlock = "refuse"): void {
    this.block = how;
  }

  letSocketsThrough(): void {
    this.block = null;
  }

  down(): void {
    this.isDown = true;
    this.cut();
    this.calls.breakAll();
  }

  up(): void {
    this.isDown = false;
  }

  loseCalls(count = 1): void {
    this.calls.addFaults({ kind: "lose-call" }, count);
  }

  loseAnswers(count = 1): void {
    this.calls.addFaults({ kind: "lose-answer" }, count);
  }

  delayAnswers(milliseconds: number, count = 1): void {
    this.calls.addFaults({ kind: "delay", milliseconds }, count);
  }

  replaceAnswers(answer: () => Response, count = 1): void {
    this.calls.addFaults({ kind: "replace", answer }, count);
  }

  heal(): void {
    this.frameFaults = [];
    this.calls.heal();
    this.speak();
    this.letSocketsThrough();
    this.up();
  }

  /** A server that dies takes its sockets and the calls under way with it. */
  cut(): void {
    for (const line of [...this.open]) line.close(CLOSE_CODES.LOST);
  }

  readonly openSocket: OpenSocket = (url, _subprotocol, events) => {
    if (this.block === "throw") throw new Error("Sockets are forbidden here.");
    const line = new Line(url, events, this.time, this);
    if (this.block === "swallow") return line;
    this.time.schedule(() => this.connect(line), this.latencyMs);
    return line;
  };

  nextFrameFault(): FrameFault | undefined {
    return this.frameFaults.shift();
  }

  forget(line: Line): void {
    this.open.delete(line);
  }

  private connect(line: Line): void {
    if (!line.isOpen) return;
    if (this.block !== null || this.isDown || this.backend.isAway()) return line.close(CLOSE_CODES.LOST);
    this.open.add(line);
    this.backend.connected(line);
  }

  private addFaults(fault: FrameFault, count: number): void {
    for (let added = 0; added < count; added += 1) this.frameFaults.push(fault);
  }
}

class Line implements ServerLine, Socket {
  readonly url: string;
  isOpen = true;
  private readonly events: SocketEvents;
  private readonly time: FakeTime;
  private readonly network: Network;
  private held: unknown[] = [];
  private isOfClient = true;

  constructor(url: string, events: SocketEvents, time: FakeTime, network: Network) {
    this.url = url;
    this.events = events;
    this.time = time;
    this.network = network;
  }

  send(data: unknown): void {
    const fault = this.network.nextFrameFault();
    if (fault?.kind === "drop") return;
    if (fault?.kind === "swap") return void this.held.push(data);
    this.deliver(data, fault?.kind === "delay" ? fault.milliseconds : 0);
    if (fault?.kind === "duplicate") this.deliver(data, 0);
    for (const late of this.held.splice(0)) this.deliver(late, 0);
  }

  /** Both ends have a `close`: without a code it is the page's, and the page hears nothing more. */
  close(code?: number, reason = ""): void {
    this.network.forget(this);
    this.isOpen = false;
    if (code === undefined) this.isOfClient = false;
    else this.tell(() => this.events.onClose(code, reason), 0);
  }

  private deliver(data: unknown, laterMs: number): void {
    this.tell(() => this.events.onMessage(data), laterMs);
  }

  private tell(event: () => void, laterMs: number): void {
    const arrive = () => this.isOfClient && !this.network.isSilent && event();
    this.time.schedule(arrive, this.network.latencyMs + laterMs);
  }
}

export function createNetwork(time: FakeTime, backend: Backend): NetworkEnd {
  const network = new Network(time, backend);
  return {
    network,
    openSocket: network.openSocket,
    fetch: network.calls.fetch,
    cut() {
      network.cut();
      network.calls.breakAll();
    },
  };
}

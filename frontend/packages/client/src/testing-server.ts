import {
  CLOSE_CODES,
  type ErrorCode,
  type EventName,
  type InitState,
  type Phase,
  PROTOCOL,
} from "./protocol.gen.ts";
import type { Seams } from "./seams.ts";
import type { FakeCall } from "./testing-calls.ts";
import { answerCall, type FakeHandler, type HandledCall, type Route } from "./testing-handlers.ts";
import {
  type FakeModel,
  isFailedForGood,
  modelError,
  newModel,
  phaseAt,
  snapshotOf,
  timestamp,
} from "./testing-models.ts";
import { createNetwork, type FakeNetwork, type NetworkEnd, type ServerLine } from "./testing-network.ts";
import { createFakePage, type FakePage } from "./testing-page.ts";
import { createFakeTime, type FakeTime } from "./testing-time.ts";

export interface FakeServerOptions {
  /** Names of its models; with `?` at the end one that is not required. Default: `["minilm"]`. */
  models?: readonly string[];
  /** What a guarded call gets before its models are ready. Default: 425. */
  notReadyStatus?: 425 | 503 | 202;
  /** One key, one run, also over a restart: a repeated call gets the first one's answer. Default: false. */
  honoursIdempotencyKey?: boolean;
  /** In [0, 1), for the page's jitter. Default: always one half. */
  random?: () => number;
  time?: FakeTime;
}

export interface LoadDetails {
  /** Default: the only model, or the first. */
  model?: string;
  /** Whole seconds; `null` (default): nothing is known. */
  estimatedSeconds?: number | null;
  /** Default: the phase in which loads usually are at this percentage. */
  phase?: Exclude<Phase, "connecting" | "ready" | "failed">;
}

export interface FailDetails {
  model?: string;
  /** Default: `load-failed`. */
  code?: ErrorCode;
  /** Whether a retry can help. Default: false. */
  temporary?: boolean;
  /** The server tries again by itself after so many seconds (a test lets it, with `load`). */
  retryInSeconds?: number;
}

/** Frames that no version of the protocol knows. A client ignores them. */
export type BadFrame = "not-json" | "unknown-type" | "binary" | "truncated" | "no-object";

/** What `createGreenroom` wants to know of it. */
export interface FakeServerAddress {
  url: string;
  seams: Seams;
}

const HEARTBEAT_MS = 10_000;
const BEAT_MS = 1_000;
const NAME = "greenroom/test";

/**
 * A Greenroom server in the test's own hands: it counts epochs, rounds and sequence numbers, speaks first to every
 * socket, keeps lines alive while the fake clock goes on, answers `GET /status`, and guards calls.
 *
 *     const server = createFakeServer();
 *     const greenroom = createGreenroom(server.address);
 *     greenroom.start();
 *     server.load(65);
 *     await server.time.advance(0);
 *     expect(greenroom.store.getView().progress).toBe(65);
 */
export class FakeServer {
  readonly time: FakeTime;
  /** The first page's tab: hidden, offline, back again. */
  readonly page: FakePage;
  readonly network: FakeNetwork;
  /** For `createGreenroom`. */
  readonly address: FakeServerAddress;
  /** Calls that reached a handler, in order; what was guarded off or lost on the way is not among them. */
  readonly handled: HandledCall[] = [];
  /** Calls that reached the server, protocol calls (`/status`) left out. */
  arrived = 0;

  private readonly end: NetworkEnd;
  private readonly options: FakeServerOptions;
  private readonly routes = new Map<string, Route>();
  private readonly keyed = new Map<string, Promise<unknown>>();
  private readonly overloads: number[] = [];
  private models: FakeModel[];
  private life = 1;
  private seq = 1;
  private publishedAt: number;
  private begunAt: number;
  private isStopped = false;
  private quietMs = 0;
  private beatIn: (() => void) | null = null;

  constructor(options: FakeServerOptions = {}) {
    this.options = options;
    this.time = options.time ?? createFakeTime();
    this.begunAt = this.time.elapsed();
    this.publishedAt = this.serverNow();
    this.models = this.freshModels();
    this.page = createFakePage();
    this.end = createNetwork(this.time, {
      connected: (line) => this.greet(line),
      answer: (call) => answerCall(this.desk, call),
      isAway: () => this.isStopped,
    });
    this.network = this.end.network;
    this.address = this.addressFor(this.page);
    for (const path of ["/predict", "/v1/embeddings"]) this.handle(`POST ${path}`, () => ({ path }));
    this.beat();
  }

  /** Another tab of the same browser: the same server, clock and network. */
  openPage(): { page: FakePage; address: FakeServerAddress } {
    const page = createFakePage();
    return { page, address: this.addressFor(page) };
  }

  // -- what the models do -------------------------------------------------------------------------------------------

  /** Loading stands at `percent` (0-99). Progress never falls within a round: see `modelRestarts` and `restart`. */
  load(percent: number, details: LoadDetails = {}): void {
    const model = this.model(details.model);
    if (!Number.isInteger(percent) || percent < 0 || percent > 99)
      throw new RangeError(`percent: a whole number from 0 to 99 is needed, not ${percent}.`);
    if (percent < model.progress)
      throw new RangeError(`${model.name} shows ${model.progress} %: within a round progress never falls.`);
    if (model.phase === "failed") model.attempt += 1;
    const { estimatedSeconds = null, phase = phaseAt(percent) } = details;
    const moves = { stalledSeconds: 0, error: null, retryAt: null };
    this.change(model, { ...moves, progress: percent, phase, estimatedSeconds });
  }

  /** The model can be used; without a name, all of them. */
  ready(model?: string): void {
    const done = { phase: "ready", progress: 100, stalledSeconds: 0, error: null, retryAt: null } as const;
    for (const each of model === undefined ? this.models : [this.model(model)]) Object.assign(each, done);
    this.publish();
  }

  /** Loading ended with an error; for good unless `retryInSeconds` says otherwise. */
  fail(message = "The model could not be loaded.", details: FailDetails = {}): void {
    const model = this.model(details.model);
    if (model.phase === "ready") throw new Error(`${model.name} is ready; say modelRestarts() first.`);
    const { code = "load-failed", temporary = false, retryInSeconds } = details;
    const retryAt = retryInSeconds === undefined ? null : this.serverNow() + retryInSeconds * 1_000;
    const error = modelError(code, message, temporary);
    this.change(model, { phase: "failed", error, retryAt, estimatedSeconds: null, stalledSeconds: 0 });
    this.event("model.failed", model);
  }

  /** Nothing has moved for so many seconds; 0: it moves again. */
  stall(seconds: number, model?: string): void {
    this.change(this.model(model), { stalledSeconds: seconds });
  }

  /** The model's host died and it loads again from the beginning: a new round. */
  modelRestarts(name?: string): void {
    const model = this.model(name);
    const begun = newModel(model.name, model.required);
    this.change(model, { ...begun, restarts: model.restarts + 1 });
  }

  // -- what the server does -----------------------------------------------------------------------------------------

  /** Killed: sockets and calls break, nobody answers, until `start`. */
  stop(): void {
    this.isStopped = true;
    this.beatIn?.();
    this.end.cut();
  }

  /** Another life: a new epoch, its models at the very beginning. */
  start(): void {
    if (!this.isStopped) throw new Error("It runs already.");
    this.isStopped = false;
    this.life += 1;
    this.seq = 1;
    this.begunAt = this.time.elapsed();
    this.publishedAt = this.serverNow();
    this.models = this.freshModels();
    this.beat();
  }

  /** Killed and started at once. */
  restart(): void {
    this.stop();
    this.start();
  }

  /** Shuts down in an orderly way: `draining` to every socket, close code 1012, then nobody answers. */
  drain(reconnectInMs = 1_000): void {
    this.say({ type: "draining", reconnect_in_ms: reconnectInMs });
    this.close(CLOSE_CODES.SERVICE_RESTART, "restarting");
    this.stop();
  }

  /** Ends every open socket. The codes: `CLOSE_CODES`. */
  close(code: number, reason = ""): void {
    for (const line of this.network.lines) line.close(code, reason);
  }

  /** Any message to every open socket, whether the protocol knows it or not. */
  say(message: unknown): void {
    this.quietMs = 0;
    for (const line of this.network.lines) line.send(JSON.stringify(message));
  }

  /** A snapshot with members that are not true, as a faulty server might publish it. The next one is true again. */
  lie(changes: Partial<InitState>): void {
    this.seq += 1;
    for (const line of this.network.lines)
      line.send(JSON.stringify({ ...this.snapshot(scopeOf(line.url)), ...changes }));
  }

  /** A frame that cannot be understood, to every open socket. */
  sayBadly(frame: BadFrame): void {
    for (const line of this.network.lines) line.send(badFrame(frame, this.snapshot()));
  }

  /** The next calls get 429 with this `Retry-After`. */
  overload(retryAfterSeconds: number, count = 1): void {
    for (let added = 0; added < count; added += 1) this.overloads.push(retryAfterSeconds);
  }

  /**
   * A route of the app, guarded unless `guarded` is false. `route`: `"POST /predict"`. What the handler returns is
   * the body (JSON), or the whole answer if it is a Response.
   */
  handle(route: string, handler: FakeHandler, guard: Partial<Omit<Route, "handler">> = {}): void {
    this.routes.set(route, { handler, guarded: true, ...guard });
  }

  /** What it tells now, of the required models or of those named. */
  snapshot(names?: readonly string[]): InitState {
    const models = names?.map((name) => this.model(name)) ?? this.models.filter(({ required }) => required);
    return snapshotOf(models, { epoch: this.epoch, seq: this.seq, at: this.publishedAt });
  }

  /** One server life. */
  get epoch(): string {
    return `life-${this.life}`;
  }

  // -- inside -------------------------------------------------------------------------------------------------------

  private readonly desk = {
    route: (key: string) => this.routes.get(key),
    snapshot: (names?: readonly string[]) => this.snapshot(names),
    isFailedForGood: (names: readonly string[]) => names.some((name) => isFailedForGood(this.model(name))),
    status: () => ({ server: NAME, uptime_seconds: (this.time.elapsed() - this.begunAt) / 1_000 }),
    retry: (name: string) => this.retry(name),
    nextOverload: () => this.overloads.shift(),
    arrives: () => {
      this.arrived += 1;
    },
    handles: (call: FakeCall) => void this.handled.push({ ...call, at: this.time.elapsed() }),
    notReadyStatus: () => this.options.notReadyStatus ?? 425,
    keyed: () => (this.options.honoursIdempotencyKey === true ? this.keyed : null),
  };

  private addressFor(page: FakePage): FakeServerAddress {
    const seams: Seams = {
      clock: this.time,
      timers: this.time.timers,
      random: this.options.random ?? (() => 0.5),
      fetch: this.end.fetch,
      openSocket: this.end.openSocket,
      page: page.signals,
    };
    return { url: "http://greenroom.test", seams };
  }

  private freshModels(): FakeModel[] {
    const names = this.options.models ?? ["minilm"];
    return names.map((name) => newModel(name.replace(/\?$/, ""), !name.endsWith("?")));
  }

  private model(name?: string): FakeModel {
    const found = name === undefined ? this.models[0] : this.models.find((model) => model.name === name);
    if (found === undefined) throw new Error(`There is no model ${name}.`);
    return found;
  }

  private change(model: FakeModel, changes: Partial<FakeModel>): void {
    const isOver = model.phase === "ready" && changes.phase !== undefined && changes.restarts === undefined;
    if (isOver) throw new Error(`${model.name} is ready; say modelRestarts() first.`);
    Object.assign(model, changes);
    this.publish();
  }

  private publish(): void {
    this.seq += 1;
    this.quietMs = 0;
    this.publishedAt = this.serverNow();
    for (const line of this.network.lines) this.show(line);
  }

  private greet(line: ServerLine): void {
    const limits = { heartbeat_ms: HEARTBEAT_MS, max_message_bytes: 4_096 };
    const life = { server: NAME, epoch: this.epoch, phase: "connecting", ready: false };
    line.send(JSON.stringify({ type: "hello", protocol: PROTOCOL, ...life, ...limits }));
    this.show(line);
  }

  private show(line: ServerLine): void {
    line.send(JSON.stringify(this.snapshot(scopeOf(line.url))));
  }

  private event(name: EventName, model: FakeModel): void {
    const versions = { version: null, previous_version: null };
    this.say({ type: "event", name, model: model.name, ...versions, error: model.error, seq: this.seq });
  }

  /** As the protocol promises: a snapshot each second while something is under way, else a heartbeat. */
  private beat(): void {
    this.beatIn = this.time.schedule(() => {
      const isMoving = this.models.some(({ phase }) => phase !== "ready" && phase !== "failed");
      this.quietMs += BEAT_MS;
      if (isMoving) this.publish();
      else if (this.quietMs >= HEARTBEAT_MS) this.say({ type: "ping", at: timestamp(this.serverNow()) });
      this.beat();
    }, BEAT_MS);
  }

  /** A failed model begins again; what it has shown stays. */
  private retry(name: string): boolean {
    const model = this.models.find((each) => each.name === name);
    if (model?.phase !== "failed") return false;
    const begun = { phase: "queued", error: null, retryAt: null } as const;
    this.change(model, { ...begun, attempt: model.attempt + 1 });
    return true;
  }

  /** Its own clock; that of the page may be wrong. */
  private serverNow(): number {
    return Date.UTC(2026, 0, 1) + this.time.elapsed();
  }
}

/** A fake server, running, its models at the very beginning. */
export function createFakeServer(options: FakeServerOptions = {}): FakeServer {
  return new FakeServer(options);
}

function scopeOf(url: string): string[] | undefined {
  return new URL(url).searchParams.get("models")?.split(",");
}

function badFrame(frame: BadFrame, snapshot: InitState): unknown {
  const text = JSON.stringify(snapshot);
  switch (frame) {
    case "not-json":
      return "<html>502 Bad Gateway</html>";
    case "unknown-type":
      return JSON.stringify({ ...snapshot, type: "from-the-future" });
    case "binary":
      return new TextEncoder().encode(text).buffer;
    case "truncated":
      return text.slice(0, text.length / 2);
    case "no-object":
      return "[null, 1]";
  }
}

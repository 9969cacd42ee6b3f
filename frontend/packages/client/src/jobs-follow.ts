import { pollDelay, reconnectDelay, reconnectLaterDelay } from "./delays.ts";
import { type Connection, isTemporary } from "./jobs-call.ts";
import { createJobSlots } from "./jobs-slots.ts";
import { closeVerdict } from "./line.ts";
import { asJob, isRecord, parseJson } from "./messages.ts";
import { type JobAnswer, SUBPROTOCOL } from "./protocol.gen.ts";
import type { Socket } from "./seams.ts";

/**
 * How jobs stand, from a socket; where that is blocked, silent or lost, from looks. What a look brings counts only if
 * no frame came since it was begun, so that nothing goes backwards. At most one socket, one look and three timers
 * exist at any moment, and none after `stop`.
 */
export interface Following {
  /** The next state that was not told yet, the newest of its job. One caller at a time. */
  next(): Promise<JobAnswer>;
  stop(): void;
}

export interface FollowOptions {
  signal?: AbortSignal | undefined;
  /** Without a word from the server for so long it gives up, with the reason of its last look. Default: 10 minutes. */
  patienceMs?: number | undefined;
  /** The server is not heard of just now: why the latest look failed. `null` once it is heard again. */
  onTrouble?: ((reason: unknown) => void) | undefined;
}

export interface FollowPlan {
  socketPath: string;
  look(signal: AbortSignal): Promise<readonly JobAnswer[]>;
}

const PATIENCE_MS = 600_000;
const FIRST_FRAME_MS = 2_000;
/** Two heartbeats and two seconds. */
const SILENCE_MS = 22_000;
const STEADY_MS = 10_000;
const LONGEST_DRAIN_MS = 60_000;

export function follow(
  connection: Connection,
  plan: FollowPlan,
  { signal, patienceMs = PATIENCE_MS, onTrouble }: FollowOptions,
): Following {
  const { timers, page } = connection.seams;
  const slots = createJobSlots();
  let patience: unknown;
  const trouble = createTrouble(onTrouble);

  function heard(): void {
    trouble.tell(null);
    timers.clear(patience);
    patience = timers.set(() => end(trouble.latest()), patienceMs);
  }

  const looks = createLooks(connection, plan.look, {
    onJobs(jobs) {
      heard();
      for (const job of jobs) slots.put(job);
    },
    onFailure(error) {
      if (isTemporary(error)) trouble.tell(error);
      else end(error);
    },
  });
  const line = createJobLine(connection, plan.socketPath, {
    onFrame(job) {
      heard();
      looks.stop();
      if (job !== null) slots.put(job);
    },
    onSilence: looks.start,
  });
  const unsubscribe = page.subscribe(() => {
    if (page.isHidden()) return;
    line.hurry();
    looks.once();
  });
  const onAbort = () => end(signal?.reason);

  function end(reason: unknown): void {
    stop();
    slots.fail(reason);
  }

  function stop(): void {
    timers.clear(patience);
    looks.stop();
    line.close();
    unsubscribe();
    signal?.removeEventListener("abort", onAbort);
  }

  signal?.addEventListener("abort", onAbort);
  heard();
  line.open();
  if (signal?.aborted) onAbort();
  return { next: slots.next, stop };
}

/** Its beginning and its end are told, and nothing between them. */
function createTrouble(onTrouble: FollowOptions["onTrouble"]) {
  let latest: unknown = new DOMException("The server was not heard of in time.", "TimeoutError");
  let isTold = false;
  return {
    latest: () => latest,
    tell(reason: unknown): void {
      latest = reason ?? latest;
      if (isTold === (reason !== null)) return;
      isTold = !isTold;
      onTrouble?.(reason);
    },
  };
}

/** `GET` again and again, at the pace of the link's own polls. */
function createLooks(
  { seams: { timers, random, page } }: Connection,
  look: FollowPlan["look"],
  events: { onJobs(jobs: readonly JobAnswer[]): void; onFailure(error: unknown): void },
) {
  let isLooping = false;
  let attempt = 0;
  let timer: unknown;
  let asked: AbortController | null = null;

  function once(): void {
    if (asked !== null) return;
    timers.clear(timer);
    const mine = new AbortController();
    asked = mine;
    // An answer that a frame has overtaken is none.
    const settle = (report: () => void) => {
      if (asked !== mine) return;
      asked = null;
      if (isLooping) schedule();
      report();
    };
    look(mine.signal).then(
      (jobs) => settle(() => events.onJobs(jobs)),
      (error: unknown) => settle(() => events.onFailure(error)),
    );
  }

  function schedule(): void {
    timer = timers.set(once, pollDelay(attempt, random, page.isHidden()));
    attempt += 1;
  }

  return {
    once,
    start() {
      if (isLooping) return;
      isLooping = true;
      attempt = 0;
      if (asked === null) schedule();
    },
    stop() {
      isLooping = false;
      timers.clear(timer);
      const old = asked;
      asked = null;
      old?.abort();
    },
  };
}

/** A socket that comes back; the looks tell what it cannot, errors among it. */
function createJobLine(
  { url, seams }: Connection,
  path: string,
  events: { onFrame(job: JobAnswer | null): void; onSilence(): void },
) {
  const { clock, timers, random } = seams;
  let socket: Socket | null = null;
  let timer: unknown;
  let generation = {};
  let attempt = 0;
  let openedAt = 0;
  let isWaiting = false;

  function close(): void {
    timers.clear(timer);
    isWaiting = false;
    generation = {};
    const old = socket;
    socket = null;
    old?.close();
  }

  function open(): void {
    close();
    openedAt = clock.now();
    const mine = generation;
    timer = timers.set(() => {
      timer = timers.set(lose, SILENCE_MS - FIRST_FRAME_MS);
      events.onSilence();
    }, FIRST_FRAME_MS);
    try {
      socket = seams.openSocket(url.replace(/^http/, "ws") + path, SUBPROTOCOL, {
        onMessage: (data) => mine === generation && hear(data),
        onClose: (code) => mine === generation && closed(code),
      });
    } catch {
      lose();
    }
  }

  function hear(data: unknown): void {
    const message = typeof data === "string" ? parseJson(data) : null;
    if (isRecord(message) && message.type === "draining")
      return openIn(Math.min(Number(message.reconnect_in_ms) || 0, LONGEST_DRAIN_MS));
    timers.clear(timer);
    timer = timers.set(lose, SILENCE_MS);
    events.onFrame(asJob(message));
  }

  function closed(code: number): void {
    const verdict = closeVerdict(code);
    if (verdict === "fail") {
      close();
      return events.onSilence();
    }
    lose(verdict === "reconnect_later" ? reconnectLaterDelay : reconnectDelay);
  }

  function lose(delay: typeof reconnectDelay = reconnectDelay): void {
    if (clock.now() - openedAt > STEADY_MS) attempt = 0;
    openIn(delay(attempt, random));
    attempt += 1;
  }

  function openIn(milliseconds: number): void {
    close();
    isWaiting = true;
    timer = timers.set(open, milliseconds);
    events.onSilence();
  }

  return { open, close, hurry: () => isWaiting && open() };
}

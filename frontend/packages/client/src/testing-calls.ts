import type { FakeTime } from "./testing-time.ts";

/** One HTTP call as it reached the server. */
export interface FakeCall {
  readonly method: string;
  /** Without host and query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  /** Parsed where it is JSON, else the text; `null` without a body. */
  readonly body: unknown;
}

export type CallFault =
  | { kind: "lose-call" | "lose-answer" }
  | { kind: "delay"; milliseconds: number }
  | { kind: "replace"; answer: () => Response };

export interface Calls {
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  addFaults(fault: CallFault, count: number): void;
  heal(): void;
  /** Every call under way fails, as when its connection broke. What a handler has begun goes on. */
  breakAll(): void;
}

export interface Road {
  latencyMs(): number;
  isReachable(): boolean;
  answer(call: FakeCall): Promise<Response> | Response;
}

/** The road of HTTP calls. A call that breaks fails as in a browser, with a TypeError that tells nothing. */
export function createCalls(time: FakeTime, road: Road): Calls {
  let faults: CallFault[] = [];
  const underWay = new Set<() => void>();
  const broken = () => new TypeError("The connection broke.");
  const pause = (milliseconds: number) =>
    new Promise<void>((resolve) => void time.schedule(resolve, milliseconds));

  function breakable<T>(work: Promise<T>, signal: AbortSignal | null): Promise<T> {
    return new Promise((resolve, reject) => {
      const onBreak = () => reject(broken());
      const onAbort = () => reject(signal?.reason);
      const end = () => {
        underWay.delete(onBreak);
        signal?.removeEventListener("abort", onAbort);
      };
      underWay.add(onBreak);
      signal?.addEventListener("abort", onAbort);
      work.then(resolve, reject).finally(end);
    });
  }

  async function travel(call: FakeCall, fault: CallFault | undefined): Promise<Response> {
    await pause(road.latencyMs());
    if (!road.isReachable() || fault?.kind === "lose-call") throw broken();
    const answer = await road.answer(call);
    await pause(road.latencyMs() + (fault?.kind === "delay" ? fault.milliseconds : 0));
    if (fault?.kind === "lose-answer") throw broken();
    return fault?.kind === "replace" ? fault.answer() : answer;
  }

  return {
    async fetch(input, init) {
      const signal = init?.signal ?? (input instanceof Request ? input.signal : null);
      signal?.throwIfAborted();
      const fault = faults.shift();
      const call = await readCall(input, init);
      // Given up before it left: not even the server heard of it.
      signal?.throwIfAborted();
      return breakable(travel(call, fault), signal);
    },
    addFaults(fault, count) {
      for (let added = 0; added < count; added += 1) faults.push(fault);
    },
    heal() {
      faults = [];
    },
    breakAll() {
      for (const onBreak of [...underWay]) onBreak();
    },
  };
}

/** Any address does: relative ones are the fake server's own. */
async function readCall(input: string | URL | Request, init: RequestInit = {}): Promise<FakeCall> {
  const sent = input instanceof Request ? input : null;
  const url = new URL(sent?.url ?? String(input), "http://greenroom.test");
  const body = init.body ?? (await sent?.clone().text()) ?? "";
  return {
    method: (init.method ?? sent?.method ?? "GET").toUpperCase(),
    path: url.pathname,
    query: url.searchParams,
    headers: new Headers(init.headers ?? sent?.headers),
    body: await readBody(body),
  };
}

async function readBody(body: BodyInit): Promise<unknown> {
  const text = await new Response(body).text();
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

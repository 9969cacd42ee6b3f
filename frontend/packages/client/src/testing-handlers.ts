import type { InitState } from "./protocol.gen.ts";
import type { FakeCall } from "./testing-calls.ts";

/** Its value is the body (JSON); a Response is the whole answer; a promise may keep the caller waiting. */
export type FakeHandler = (call: FakeCall) => unknown;

export interface Route {
  handler: FakeHandler;
  /** Whether it is refused until its models are ready. Default: true. */
  guarded: boolean;
  /** The models that it needs. Default: the required ones. */
  models?: readonly string[];
}

export interface HandledCall extends FakeCall {
  /** Milliseconds on the fake clock since the start. */
  readonly at: number;
}

/** What the front desk asks the server. */
export interface Desk {
  route(key: string): Route | undefined;
  snapshot(names?: readonly string[]): InitState;
  isFailedForGood(names: readonly string[]): boolean;
  status(): { server: string; uptime_seconds: number };
  /** False: that model has not failed. */
  retry(model: string): boolean;
  /** Seconds of `Retry-After`, if this call is one too many. */
  nextOverload(): number | undefined;
  arrives(): void;
  handles(call: FakeCall): void;
  notReadyStatus(): number;
  /** Answers by Idempotency-Key, if they are kept. */
  keyed(): Map<string, Promise<unknown>> | null;
}

const NO_STORE = { "Cache-Control": "no-store" };
const RETRY = /^\/models\/([^/]+)\/retry$/;

export async function answerCall(desk: Desk, call: FakeCall): Promise<Response> {
  return protocolAnswer(desk, call) ?? (await routeAnswer(desk, call));
}

/** The calls of the protocol itself, PROTOCOL section 3. */
function protocolAnswer(desk: Desk, call: FakeCall): Response | null {
  const names = call.query.get("models")?.split(",");
  if (call.path === "/status")
    return Response.json({ ...desk.status(), snapshot: desk.snapshot(names) }, { headers: NO_STORE });
  if (call.path === "/api/v1/admin/ready") {
    const snapshot = desk.snapshot(names);
    return snapshot.ready ? Response.json(snapshot, { headers: NO_STORE }) : refusal(desk, snapshot);
  }
  const retried = call.method === "POST" && RETRY.exec(call.path)?.[1];
  return retried ? retryAnswer(desk, decodeURIComponent(retried)) : null;
}

function retryAnswer(desk: Desk, model: string): Response {
  if (desk.retry(model)) return Response.json({ status: "retrying", model }, { status: 202 });
  return problem(409, "retry-refused", "Only a model that has failed can be tried again.");
}

async function routeAnswer(desk: Desk, call: FakeCall): Promise<Response> {
  desk.arrives();
  const seconds = desk.nextOverload();
  if (seconds !== undefined)
    return problem(429, "overloaded", "Too many calls at once.", { "Retry-After": `${seconds}` });
  const route = desk.route(`${call.method} ${call.path}`);
  if (route === undefined) return problem(404, "not-found", "There is nothing at this address.");
  const snapshot = desk.snapshot(route.models);
  if (route.guarded && !snapshot.ready) return refusal(desk, snapshot);
  const result = await onlyOnce(desk, call, route);
  return result instanceof Response ? result.clone() : Response.json(result);
}

function onlyOnce(desk: Desk, call: FakeCall, route: Route): Promise<unknown> {
  const run = async () => {
    desk.handles(call);
    return route.handler(call);
  };
  const key = call.headers.get("Idempotency-Key");
  const kept = desk.keyed();
  if (key === null || kept === null) return run();
  const known = kept.get(key) ?? run();
  kept.set(key, known);
  return known;
}

const UNKNOWN_WAIT_SECONDS = 5;

/** "Not yet": the snapshot as the body; 503 when it failed for good. */
function refusal(desk: Desk, snapshot: InitState): Response {
  if (desk.isFailedForGood(snapshot.scope))
    return Response.json(snapshot, { status: 503, headers: NO_STORE });
  const seconds = snapshot.estimated_seconds ?? UNKNOWN_WAIT_SECONDS;
  const wait = {
    "Retry-After": `${Math.min(60, Math.max(1, Math.ceil(seconds)))}`,
    "x-should-retry": "true",
  };
  return Response.json(snapshot, { status: desk.notReadyStatus(), headers: { ...NO_STORE, ...wait } });
}

/** RFC 9457 section 3. */
function problem(
  status: number,
  code: string,
  detail: string,
  headers: Record<string, string> = {},
): Response {
  const body = { type: `/problems/${code}`, title: code, status, detail, errors: [], error: null };
  return Response.json(body, { status, headers: { "Content-Type": "application/problem+json", ...headers } });
}

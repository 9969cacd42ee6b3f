import {
  createReadinessStore,
  createReadyFetch,
  type InitState,
  type QueueEvent,
  type QueueLimits,
  type ReadyFetchOptions,
} from "../src/index.ts";
import { createFakeWorld } from "../src/testing.ts";
import { snapshot } from "./examples.ts";

export const LOADING = snapshot("loading");
export const READY = snapshot("ready");
export const LIMITS = { spreadMs: 0 };
export const POST = { method: "POST", body: "{}" };

export function refusal(
  status = 425,
  body: InitState = LOADING,
  headers: Record<string, string> = { "Retry-After": "4" },
) {
  return Response.json(body, { status, headers });
}

export type Extras = Pick<ReadyFetchOptions, "honoursIdempotencyKey">;

export function room(limits: Partial<QueueLimits> = {}, extras: Extras = {}) {
  const world = createFakeWorld();
  const store = createReadinessStore(world.time);
  const events: QueueEvent[] = [];
  const { fetch, queue, start, stop } = createReadyFetch({
    seams: world.seams,
    readiness: store,
    limits: { ...LIMITS, ...limits },
    ...extras,
    onEvent: (event) => events.push(event),
  });
  const names = () => events.map(({ name }) => name);
  return { world, store, fetch, queue, start, stop, names, sent: () => world.calls.length };
}

/** A server that refuses until its models are ready. */
export function scripted(limits: Partial<QueueLimits> = {}, extras: Extras = {}) {
  const all = room(limits, extras);
  all.store.accept(LOADING);
  let isReady = false;
  all.world.answer = () => (isReady ? new Response("done") : refusal());
  const becomeReady = async () => {
    isReady = true;
    all.store.accept(READY);
    await all.world.time.advance(1);
  };
  return { ...all, becomeReady };
}

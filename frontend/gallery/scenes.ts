import { CLOSE_CODES, type Greenroom, type InitState } from "@greenroom/client";
import type { FakeWorld } from "@greenroom/client/testing";

/**
 * Every state that a person can meet, told by the golden examples to a client whose clock stands still: no server,
 * and the same picture each time.
 */
const FILES = import.meta.glob<InitState>("../../backend/greenroom/protocol/examples/snapshot-*.json", {
  eager: true,
  import: "default",
});

function example(name: string, changes: Partial<InitState> = {}): InitState {
  const found = Object.entries(FILES).find(([path]) => path.endsWith(`/snapshot-${name}.json`));
  if (found === undefined) throw new Error(`There is no golden example "${name}".`);
  return { ...found[1], ...changes };
}

interface Stage {
  world: FakeWorld;
  greenroom: Greenroom;
}

/** What has happened by the time the card is looked at. `later` comes once it is there. */
interface Scene {
  snapshots: InitState[];
  now?(stage: Stage): unknown;
  later?: InitState;
  isOpen?: boolean;
}

const loading = example("loading", { estimated_seconds: 12 });
const [model] = loading.models;

function downloading(): InitState {
  const stages = [
    { name: "resolve" as const, share: 0.05, done: 1 },
    { name: "download" as const, share: 0.45, done: 0.62 },
    { name: "import" as const, share: 0.35, done: 0.4 },
    { name: "weights" as const, share: 0.1, done: 0 },
    { name: "warmup" as const, share: 0.05, done: 0 },
  ];
  const bytes = { bytes_done: 56_338_393, bytes_per_second: 4_210_000 };
  const models = model ? [{ ...model, ...bytes, phase: "downloading" as const, attempt: 2, stages }] : [];
  return example("loading", { phase: "downloading", progress: 38, estimated_seconds: 84, models });
}

const drop =
  (code: number) =>
  ({ world }: Stage) =>
    world.socket().drop(code);

async function poll({ world }: Stage) {
  const body = JSON.stringify({ server: "greenroom", uptime_seconds: 3, snapshot: { ...loading, seq: 18 } });
  world.answer = () => new Response(body);
  world.socket().drop(CLOSE_CODES.LOST);
  await world.time.advance(1_000);
}

async function goOffline({ world }: Stage) {
  world.online = false;
  world.socket().drop(CLOSE_CODES.LOST);
  await world.time.advance(1_000);
}

function queue({ world, greenroom }: Stage) {
  world.answer = () => new Response(JSON.stringify(loading), { status: 425 });
  for (const label of ["Preview for 120 warehouse luminaires", "Embed the second draft"]) {
    greenroom.fetch("/api", { method: "POST", label }).catch(() => {});
  }
}

export const SCENES: Record<string, Scene> = {
  connecting: { snapshots: [] },
  queued: { snapshots: [example("queued")] },
  downloading: { snapshots: [downloading()] },
  loading: { snapshots: [loading] },
  finalizing: {
    snapshots: [example("loading", { phase: "finalizing", progress: 94, estimated_seconds: 2 })],
  },
  details: { snapshots: [downloading()], isOpen: true },
  queue: { snapshots: [loading], now: queue },
  stalled: { snapshots: [example("stalled")] },
  polling: { snapshots: [loading], now: poll },
  reconnecting: { snapshots: [loading], now: drop(CLOSE_CODES.LOST) },
  draining: { snapshots: [loading], now: drop(CLOSE_CODES.SERVICE_RESTART) },
  offline: { snapshots: [loading], now: goOffline },
  restarting: { snapshots: [example("ready"), example("restarting")] },
  failed: { snapshots: [example("failed")] },
  retrying: { snapshots: [example("crash-loop")] },
  ready: { snapshots: [loading], later: example("ready") },
};

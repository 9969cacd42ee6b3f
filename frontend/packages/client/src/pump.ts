import { due, NEVER, nextLook, type QueueEntry, type QueueLimits } from "./queue.ts";
import type { ReadyFetchOptions } from "./ready-fetch.ts";
import type { Item, WaitingRoom } from "./waiting-room.ts";

const MAX_TIMER_MS = 2 ** 31 - 1;

export interface Pump {
  pump(): void;
  stop(): void;
  start(): void;
}

/** Sends what is due, ends what is too old, and sets the one timer. */
export function createPump(
  { seams, readiness }: ReadyFetchOptions,
  limits: QueueLimits,
  room: WaitingRoom,
  act: { send(item: Item): void; expire(item: Item): void },
): Pump {
  const isReady = (scope: readonly string[] | null) => readiness?.isReady(scope) ?? null;
  const now = () => seams.clock.now();
  let timer: unknown = null;
  let isStopped = false;
  let isPumping = false;
  let isAskedAgain = false;

  function pass(at: number): void {
    const items = (entries: QueueEntry[]) => entries.flatMap(({ id }) => room.find(id) ?? []);
    items(room.entries().filter(({ deadlineAt }) => deadlineAt <= at)).forEach(act.expire);
    items(due(room.entries(), isReady, at, limits)).forEach(goOrSpread);
  }

  /** Many pages become due together: each lets a random moment pass first. */
  function goOrSpread(item: Item): void {
    if (isStopped) return;
    const { spreadMs } = item;
    item.spreadMs = 0;
    if (spreadMs > 0) room.change(item, { notBefore: now() + spreadMs });
    else act.send(item);
  }

  /** Sending and ending change the list, which may ask for another pass: after this one, not within it. */
  function pump(): void {
    isAskedAgain = true;
    if (isPumping || isStopped) return;
    isPumping = true;
    // Whoever is told of a request may stop everything.
    let at = 0;
    while (isAskedAgain && !isStopped) {
      isAskedAgain = false;
      at = now();
      pass(at);
    }
    isPumping = false;
    seams.timers.clear(timer);
    // By the same moment: what becomes due while a pass runs was not seen by it, and must not be taken for seen.
    const wait = nextLook(room.entries(), isReady, at) - now();
    if (wait < NEVER && !isStopped) timer = seams.timers.set(pump, Math.min(MAX_TIMER_MS, Math.max(1, wait)));
  }

  return {
    pump,
    stop() {
      isStopped = true;
      seams.timers.clear(timer);
    },
    start() {
      isStopped = false;
      pump();
    },
  };
}

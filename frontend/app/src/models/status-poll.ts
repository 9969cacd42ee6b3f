import { CallError, type ModelsStatus } from "@greenroom/client";
import { serverUrl } from "../base";

/** One look at the details of all models. Rejects with a `CallError`, or as `fetch` does. */
export async function modelsStatus(): Promise<ModelsStatus> {
  const response = await fetch(serverUrl("/models/status"), {
    signal: AbortSignal.timeout(LOOK_DEADLINE_MS),
  });
  const body: unknown = await response.json().catch(() => null);
  if (response.ok && body !== null) return body as ModelsStatus;
  throw new CallError(response, body);
}

const LOOK_DEADLINE_MS = 10_000;
const LOOK_EVERY_MS = 5_000;
/** A load moves many times a second; its details need not. */
const LOOK_AT_MOST_EVERY_MS = 1_000;

export interface StatusPoll {
  /** Something has changed: look as soon as that is not too often. */
  soon(): void;
  stop(): void;
}

/**
 * Looks at once, then every 5 s while the page is seen, and earlier when told that something has changed. At most
 * one look is under way, and at most one timer is set.
 */
export function createStatusPoll(look: () => Promise<void>): StatusPoll {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let dueAt = Number.POSITIVE_INFINITY;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let isBusy = false;
  let isWanted = false;
  let isStopped = false;

  function schedule(at: number): void {
    if (isStopped || at >= dueAt) return;
    clearTimeout(timer);
    dueAt = at;
    timer = setTimeout(run, Math.max(0, at - performance.now()));
  }

  async function run(): Promise<void> {
    dueAt = Number.POSITIVE_INFINITY;
    // Nobody sees it; `visibilitychange` begins again.
    if (document.hidden) return;
    isBusy = true;
    isWanted = false;
    lookedAt = performance.now();
    await look();
    isBusy = false;
    schedule(lookedAt + (isWanted ? LOOK_AT_MOST_EVERY_MS : LOOK_EVERY_MS));
  }

  function soon(): void {
    if (isBusy) isWanted = true;
    else schedule(lookedAt + LOOK_AT_MOST_EVERY_MS);
  }

  document.addEventListener("visibilitychange", soon);
  schedule(performance.now());
  return {
    soon,
    stop() {
      isStopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", soon);
    },
  };
}

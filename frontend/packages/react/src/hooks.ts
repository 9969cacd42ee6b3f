import type { QueuedRequest, ReadinessView, ReadyFetch } from "@greenroom/client";
import { useState, useSyncExternalStore } from "react";
import { useGreenroom } from "./context.tsx";
import { isRefused } from "./states.ts";

/** Where the models stand: all that the server requires, or those named. */
export function useModelReadiness(scope: readonly string[] | null = null): ReadinessView {
  const { store } = useGreenroom();
  const read = () => store.getView(scope);
  return useSyncExternalStore(store.subscribe, read, read);
}

export interface RequestQueueView {
  /** In the order in which they go out. */
  requests: readonly QueuedRequest[];
  /** `false` when it was gone already. */
  cancel(id: string): boolean;
  cancelAll(): void;
  /** Like `fetch`; a "not ready yet" waits and goes out by itself. */
  readyFetch: ReadyFetch;
}

export function useRequestQueue(): RequestQueueView {
  const { queue, fetch } = useGreenroom();
  const read = () => queue.list();
  const requests = useSyncExternalStore((listener) => queue.subscribe(listener), read, read);
  return {
    requests,
    cancel: (id) => queue.cancel(id),
    cancelAll: () => queue.cancelAll(),
    readyFetch: fetch,
  };
}

export interface Retry {
  /** `null` where there is nothing to try again. */
  run: (() => void) | null;
  isAsking: boolean;
  /** Why the last press did not help, in the server's words. */
  problem: string | null;
}

/** The way out of a failure: the server is asked to load the model again, or a refused line is opened again. */
export function useRetry(view: ReadinessView): Retry {
  const { retryModel, start } = useGreenroom();
  const [isAsking, setIsAsking] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const name = view.failedModel;

  async function ask(model: string) {
    setIsAsking(true);
    setProblem(null);
    try {
      await retryModel(model);
    } catch (error) {
      setProblem((error as Error).message);
    }
    setIsAsking(false);
  }

  const run = isRefused(view) ? start : name === null ? null : () => void ask(name);
  return { run, isAsking, problem };
}

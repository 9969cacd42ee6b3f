import type { QueuedRequest, ReadinessView, ReadyFetch } from "@greenroom/client";
import { useSyncExternalStore } from "react";
import { useGreenroom, useWords } from "./context.tsx";
import { waitHintOf } from "./words.ts";

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

/**
 * What a button that needs the models may say beside it ("Goes out when the model is ready, in about 12 sec"), or
 * `null` when a press is answered at once. The page stays usable meanwhile: only these buttons have to say it.
 */
export function useWaitHint(scope: readonly string[] | null = null): string | null {
  return waitHintOf(useWords(), useModelReadiness(scope));
}

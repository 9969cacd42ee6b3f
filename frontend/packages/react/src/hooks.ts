import type { QueuedRequest, ReadinessView, ReadyFetch } from "@greenroom/client";
import { useEffect, useState, useSyncExternalStore } from "react";
import { useGreenroom } from "./context.tsx";

/** Where the models stand: all that the server requires, or those named. */
export function useModelReadiness(scope: readonly string[] | null = null): ReadinessView {
  const { store } = useGreenroom();
  const read = () => store.getView(scope);
  return useSyncExternalStore(store.subscribe, read, read);
}

export interface RequestQueueView {
  requests: readonly QueuedRequest[];
  cancel(id: string): boolean;
  /** Like `fetch`; a "not ready yet" waits and goes out by itself. */
  readyFetch: ReadyFetch;
}

export function useRequestQueue(): RequestQueueView {
  const { queue, fetch } = useGreenroom();
  const read = () => queue.list();
  const requests = useSyncExternalStore((listener) => queue.subscribe(listener), read, read);
  return { requests, cancel: (id) => queue.cancel(id), readyFetch: fetch };
}

/** Follows a value once it has stood still for a while; some values are believed at once. */
export function useSettled<T>(value: T, milliseconds: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return milliseconds === 0 ? value : settled;
}

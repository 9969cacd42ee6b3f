import { type KeptResult, keptRequests } from "@greenroom/client/persist";

/** Requests that outlive the page, and who wants to hear how those of earlier pages ended. */
export interface Kept {
  shelf: ReturnType<typeof keptRequests>;
  subscribe(listener: (result: KeptResult) => void): () => void;
}

export function createKept(): Kept {
  const listeners = new Set<(result: KeptResult) => void>();
  const shelf = keptRequests({
    onResult(result) {
      for (const listener of listeners) listener(result);
    },
  });
  return {
    shelf,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

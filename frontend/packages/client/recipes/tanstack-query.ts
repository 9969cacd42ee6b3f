import { type Greenroom, QueueError } from "@greenroom/client";
import { QueryClient } from "@tanstack/query-core";

/** Waiting for the model is the queue's work, so a query that it gave up is not tried again by the client. */
export function createQueryClient(): QueryClient {
  const retry = (failures: number, error: Error) => !(error instanceof QueueError) && failures < 2;
  // "always": the queue knows better than `navigator.onLine` when a server on this machine can be reached.
  return new QueryClient({ defaultOptions: { queries: { retry, networkMode: "always" } } });
}

/** `signal` takes the request out of the queue when nobody looks at its answer any more. */
export function embeddingOf(greenroom: Greenroom, input: string) {
  return {
    queryKey: ["embedding", input],
    queryFn: async ({ signal }: { signal: AbortSignal }) => {
      const body = JSON.stringify({ model: "minilm", input });
      const init = { method: "POST", headers: { "Content-Type": "application/json" }, body, signal };
      const response = await greenroom.fetch(`${greenroom.url}/v1/embeddings`, { ...init, idempotent: true });
      if (!response.ok) throw new Error(`The server answered ${response.status}.`);
      return (await response.json()).data[0].embedding;
    },
  };
}

import { CallError, type PreviewAnswer } from "@greenroom/client";
import { serverUrl } from "./base";

/** What the workbench answers of its own; the protocol's calls are `@greenroom/client`'s. */
export interface GoldenPair {
  id: string;
  trade: string;
  request: string;
  response: string;
}

/** In the list of waiting requests, and how a page knows its own there. */
export const PREVIEW_LABEL = "Preview prompt";

export async function goldenPairs(signal: AbortSignal): Promise<GoldenPair[]> {
  return readAnswer(await fetch(serverUrl("/api/v1/golden/pairs"), { signal }));
}

/** Of a request that an earlier page sent. Rejects with a `CallError`. */
export function readPreview(response: Response): Promise<PreviewAnswer> {
  return readAnswer(response);
}

async function readAnswer<Answer>(response: Response): Promise<Answer> {
  const body: unknown = await response.json().catch(() => null);
  if (response.ok && body !== null) return body as Answer;
  throw new CallError(response, body);
}

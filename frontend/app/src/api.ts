import type { ReadyFetch } from "@greenroom/client";
import { serverUrl } from "./base";

/** What the workbench answers; these two calls are its own, not the protocol's. */
export interface GoldenPair {
  id: string;
  trade: string;
  request: string;
  response: string;
}

export interface ScoredPair extends GoldenPair {
  score: number;
}

export interface PromptPreview {
  prompt: string;
  pairs: ScoredPair[];
  model: string;
  version: string;
  cached: boolean;
  truncated: boolean;
  max_tokens: number;
}

export const PREVIEW_LABEL = "Preview prompt";

export async function previewPrompt(
  readyFetch: ReadyFetch,
  description: string,
  k: number,
  signal: AbortSignal,
): Promise<PromptPreview> {
  const response = await readyFetch(serverUrl("/api/v1/rfq/preview-prompt"), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ description, k }),
    label: PREVIEW_LABEL,
    // It computes and keeps nothing: a second run does no harm.
    idempotent: true,
    signal,
  });
  return readAnswer<PromptPreview>(response);
}

export async function goldenPairs(signal: AbortSignal): Promise<GoldenPair[]> {
  return readAnswer<GoldenPair[]>(await fetch(serverUrl("/api/v1/golden/pairs"), { signal }));
}

async function readAnswer<T>(response: Response): Promise<T> {
  const body: unknown = await response.json().catch(() => null);
  if (response.ok && body !== null) return body as T;
  throw new Error(problemDetail(body) ?? `The server answered with ${response.status}.`);
}

/** RFC 9457. */
function problemDetail(body: unknown): string | null {
  if (typeof body !== "object" || body === null || !("detail" in body)) return null;
  return typeof body.detail === "string" ? body.detail : null;
}

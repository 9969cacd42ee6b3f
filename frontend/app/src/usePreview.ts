import { QueueError } from "@greenroom/client";
import { useRequestQueue } from "@greenroom/react";
import { useEffect, useRef, useState } from "react";
import { type PromptPreview, previewPrompt } from "./api";

export type PreviewState =
  | { kind: "empty" }
  | { kind: "asking" }
  | { kind: "done"; preview: PromptPreview }
  | { kind: "failed"; detail: string };

/** One preview at a time: a newer one replaces an older one, waiting or under way. */
export function usePreview() {
  const { readyFetch } = useRequestQueue();
  const [state, setState] = useState<PreviewState>({ kind: "empty" });
  const asked = useRef<AbortController | null>(null);
  useEffect(() => () => asked.current?.abort(), []);

  async function ask(description: string, k: number) {
    asked.current?.abort();
    const abort = new AbortController();
    asked.current = abort;
    setState({ kind: "asking" });
    const next = await outcome(previewPrompt(readyFetch, description, k, abort.signal));
    if (asked.current === abort) setState(next);
  }

  function cancel() {
    asked.current?.abort();
    asked.current = null;
    setState({ kind: "empty" });
  }

  return { state, ask, cancel };
}

async function outcome(preview: Promise<PromptPreview>): Promise<PreviewState> {
  try {
    return { kind: "done", preview: await preview };
  } catch (error) {
    const isCancelled = error instanceof QueueError && error.code === "cancelled";
    return isCancelled ? { kind: "empty" } : { kind: "failed", detail: detailOf(error) };
  }
}

export function detailOf(error: unknown): string {
  if (error instanceof TypeError)
    return "The server could not be reached. What you wrote is kept; please try again.";
  return error instanceof Error ? error.message : String(error);
}

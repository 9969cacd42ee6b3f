import { QueueError } from "@greenroom/client";
import { useRequestQueue } from "@greenroom/react";
import { useEffect, useRef, useState } from "react";
import { type PromptPreview, previewPrompt } from "./api";
import { type Answer, useAnswers } from "./earlier";

export type PreviewState = { kind: "idle" } | { kind: "asking" } | { kind: "failed"; detail: string };

/**
 * One question at a time: a newer one replaces an older one, waiting or under way. The last answer stays until the
 * next one is there.
 */
export function usePreview() {
  const { readyFetch } = useRequestQueue();
  const [state, setState] = useState<PreviewState>({ kind: "idle" });
  const [current, setCurrent] = useState<Answer | null>(null);
  const [answers, keep] = useAnswers();
  const asked = useRef<AbortController | null>(null);
  useEffect(() => () => asked.current?.abort(), []);

  async function ask(description: string, k: number) {
    asked.current?.abort();
    const abort = new AbortController();
    asked.current = abort;
    setState({ kind: "asking" });
    const outcome = await outcomeOf(previewPrompt(readyFetch, description, k, abort.signal));
    if (asked.current !== abort) return;
    if ("kind" in outcome) return setState(outcome);
    setState({ kind: "idle" });
    const answer = { at: Date.now(), description, preview: outcome };
    setCurrent(answer);
    keep(answer);
  }

  function cancel() {
    asked.current?.abort();
    asked.current = null;
    setState({ kind: "idle" });
  }

  return { state, current, earlier: answers.filter((answer) => answer !== current), ask, cancel };
}

async function outcomeOf(preview: Promise<PromptPreview>): Promise<PromptPreview | PreviewState> {
  try {
    return await preview;
  } catch (error) {
    const isCancelled = error instanceof QueueError && error.code === "cancelled";
    return isCancelled ? { kind: "idle" } : { kind: "failed", detail: detailOf(error) };
  }
}

export function detailOf(error: unknown): string {
  if (error instanceof TypeError)
    return "The server could not be reached. What you wrote is kept; please try again.";
  return error instanceof Error ? error.message : String(error);
}

import { type PreviewAnswer, previewPrompt, QueueError } from "@greenroom/client";
import type { KeptResult } from "@greenroom/client/persist";
import { useGreenroom } from "@greenroom/react";
import { useEffect, useRef, useState } from "react";
import { PREVIEW_LABEL, readPreview } from "./api";
import { serverBase } from "./base";
import { type Answer, readAsked, useAnswers, writeAsked } from "./earlier";
import type { Kept } from "./kept";

export type PreviewState =
  | { kind: "idle" }
  | { kind: "asking" }
  /** What an earlier page asked. */
  | { kind: "answered-later" }
  | { kind: "failed"; detail: string };

const IDLE: PreviewState = { kind: "idle" };

/**
 * One question at a time: a newer one replaces an older one, waiting or under way. The last answer stays until the
 * next one is there; what an earlier page asked is answered here.
 */
export function usePreview(kept?: Kept) {
  const greenroom = useGreenroom();
  const [state, setState] = useState(IDLE);
  const [current, setCurrent] = useState<Answer | null>(null);
  const [answers, keep] = useAnswers();
  const asked = useRef<AbortController | null>(null);
  useEffect(() => () => asked.current?.abort(), []);

  async function settle(description: string, preview: Promise<PreviewAnswer>, isAwaited: boolean) {
    const abort = asked.current;
    const outcome = await outcomeOf(preview);
    if (asked.current !== abort) return;
    if ("kind" in outcome) return setState(outcome);
    setState(isAwaited ? IDLE : { kind: "answered-later" });
    const answer = { at: Date.now(), description, preview: outcome };
    setCurrent({ ...answer, isAwaited });
    keep(answer);
  }

  function ask(description: string, k: number) {
    asked.current?.abort();
    const abort = new AbortController();
    asked.current = abort;
    setState({ kind: "asking" });
    writeAsked(description);
    const options = { label: PREVIEW_LABEL, url: serverBase(), signal: abort.signal };
    return settle(description, previewPrompt(greenroom.fetch, { description, k }, options), true);
  }

  function cancel() {
    asked.current?.abort();
    asked.current = null;
    setState(IDLE);
  }

  const takeOver = useRef((_result: KeptResult) => {});
  takeOver.current = (result) => void settle(readAsked(), answerOf(result), false);
  useEffect(() => kept?.subscribe((result) => takeOver.current(result)), [kept]);

  return { state, current, earlier: answers.filter(({ at }) => at !== current?.at), ask, cancel };
}

async function answerOf(result: KeptResult): Promise<PreviewAnswer> {
  if ("error" in result) throw result.error;
  return readPreview(result.response);
}

async function outcomeOf(preview: Promise<PreviewAnswer>): Promise<PreviewAnswer | PreviewState> {
  try {
    return await preview;
  } catch (error) {
    const isCancelled = error instanceof QueueError && error.code === "cancelled";
    return isCancelled ? IDLE : { kind: "failed", detail: detailOf(error) };
  }
}

export function detailOf(error: unknown): string {
  if (error instanceof TypeError)
    return "The server could not be reached. What you wrote is kept; please try again.";
  return error instanceof Error ? error.message : String(error);
}

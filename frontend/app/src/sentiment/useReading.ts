import {
  AcceptedError,
  CallError,
  type Greenroom,
  type PredictAnswer,
  predict,
  QueueError,
} from "@greenroom/client";
import { useGreenroom } from "@greenroom/react";
import { useEffect, useState } from "react";
import { detailOf } from "../usePreview";
import { useSettled } from "../useSettled";
import { readingOfJob } from "./jobReading";

export const MODEL = "sentiment";
/** In the list of waiting requests, and how the page knows its own there. */
export const READING_LABEL = "Read the text";
const TYPING_PAUSE_MS = 300;

export type ReadingState =
  /** Nothing to read. */
  | { kind: "idle" }
  /** Written, waiting or under way; as a job, if the server answers nothing at once. */
  | { kind: "asking"; isJob?: true }
  | { kind: "answered" }
  | { kind: "cancelled" }
  | { kind: "failed"; detail: string };

export interface Reading {
  text: string;
  answer: PredictAnswer;
}

interface Outcome {
  text: string;
  state: ReadingState;
}

const IDLE: ReadingState = { kind: "idle" };
const ASKING: ReadingState = { kind: "asking" };

/**
 * What the model says of the text, a moment after the last key. The newest text wins: an older one is called off,
 * waiting or under way. The last answer stays until the next one is there.
 */
export function useReading(text: string) {
  const greenroom = useGreenroom();
  const settled = useSettled(text, TYPING_PAUSE_MS);
  const [attempt, setAttempt] = useState(1);
  const [outcome, setOutcome] = useState<Outcome>({ text: "", state: IDLE });
  const [reading, setReading] = useState<Reading | null>(null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt asks again.
  useEffect(() => {
    if (settled === "") return setReading(null);
    const abort = new AbortController();
    const tell = (state: ReadingState) => !abort.signal.aborted && setOutcome({ text: settled, state });
    tell(ASKING);
    read(greenroom, settled, abort.signal, () => tell({ kind: "asking", isJob: true })).then(
      (answer) => {
        if (abort.signal.aborted) return;
        setReading({ text: settled, answer });
        tell({ kind: "answered" });
      },
      (error: unknown) => tell(failure(error)),
    );
    return () => abort.abort();
  }, [greenroom, settled, attempt]);

  const state = text === "" ? IDLE : outcome.text === text ? outcome.state : ASKING;
  return { state, reading: text === "" ? null : reading, askAgain: () => setAttempt(attempt + 1) };
}

async function read(
  greenroom: Greenroom,
  text: string,
  signal: AbortSignal,
  onJob: () => void,
): Promise<PredictAnswer> {
  try {
    return await predict(greenroom, { text, model: MODEL }, { label: READING_LABEL, signal });
  } catch (error) {
    if (!(error instanceof AcceptedError)) throw error;
    onJob();
    return await readingOfJob(greenroom, error.job.job_uuid, signal);
  }
}

function failure(error: unknown): ReadingState {
  if (error instanceof QueueError && error.code === "cancelled") return { kind: "cancelled" };
  return { kind: "failed", detail: isUnknownModel(error) ? NO_MODEL : detailOf(error) };
}

function isUnknownModel(error: unknown): boolean {
  return error instanceof CallError && error.status === 404;
}

export const NO_MODEL = `This server has no model named “${MODEL}”. Its operator can add one to greenroom.toml.`;

import type { Greenroom, JobAnswer, JobResult, PredictAnswer } from "@greenroom/client";
import { job } from "@greenroom/client/jobs";

/** What a job says of its only text, as a call would have told it. A job that nobody waits for any more is cancelled. */
export async function readingOfJob(
  greenroom: Greenroom,
  id: string,
  signal: AbortSignal,
): Promise<PredictAnswer> {
  const mine = job(greenroom, id, { signal });
  const onAbort = () => void mine.cancel().catch(() => {});
  signal.addEventListener("abort", onAbort);
  try {
    const end = await mine.ended();
    if (end.status === "cancelled") throw new Error("The job of this text was cancelled.");
    for await (const row of mine.results({ signal })) return asAnswer(row, end);
    throw new Error(end.error?.message ?? "The job has brought no result.");
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function asAnswer({ label, score, scores, truncated, error }: JobResult, job: JobAnswer): PredictAnswer {
  if (label == null || score == null) throw new Error(error?.message ?? "The text has no result.");
  return {
    label,
    score,
    result_label: label,
    result_score: score,
    results: [{ label, score, scores: scores ?? {} }],
    truncated: truncated ? [0] : [],
    model: job.model,
    version: job.model_version ?? "",
    cached: false,
  };
}

import type { JobAnswer, JobState } from "@greenroom/client";
import { createFormat } from "@greenroom/react";
import { isIdle } from "../models/ModelCard";
import type { Standing } from "../models/words";
import type { KnownModel } from "./useModelStates";

export const STATES: Record<JobState, Standing> = {
  pending: { label: "Waiting", tone: "quiet" },
  processing: { label: "Running", tone: "busy" },
  completed: { label: "Completed", tone: "good" },
  failed: { label: "Failed", tone: "bad" },
  cancelled: { label: "Cancelled", tone: "quiet" },
};

/** The words are English, so the numbers are too. */
export const { number, bytes, duration } = createFormat("en");

const PERCENT = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });
export const percent = PERCENT.format;

type Named = Pick<JobAnswer, "job_uuid" | "name">;

/** Long enough to tell jobs apart, short enough to be said. */
const shortId = ({ job_uuid }: Named) => job_uuid.slice(0, 8);

/** What stands above it. */
export function titleOf(job: Named): string {
  return job.name ?? nameOf(job);
}

/** What no other job is called: the same file may be sent twice. */
export function nameOf(job: Named): string {
  return job.name === null ? `Job ${shortId(job)}` : `${job.name} (job ${shortId(job)})`;
}

export function capitalised(label: string): string {
  return label.charAt(0).toUpperCase() + label.slice(1);
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** What a job that does not run yet waits for. */
export function waitOf(model: string, known: KnownModel | undefined): string {
  const state = known?.state;
  if (known === undefined || state === undefined || state.phase === "ready") return "Waits for its turn.";
  if (isIdle(known.report, state)) return `Waits for ${model}, which is loaded on first use.`;
  if (state.phase === "failed" && state.retry_at === null)
    return `Waits for ${model}, which has failed to load. It begins by itself once the model is ready.`;
  return `Waits for ${model} (${state.progress}% loaded). It begins by itself.`;
}

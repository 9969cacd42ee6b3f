import type { JobAnswer } from "@greenroom/client";
import { isTerminal } from "@greenroom/client/jobs";
import type { KnownModel } from "./useModelStates";
import type { useSubmission } from "./useSubmission";
import { bytes, nameOf, percent, waitOf } from "./words";

interface OutcomeProps extends Pick<ReturnType<typeof useSubmission>, "state" | "cancel"> {
  models: ReadonlyMap<string, KnownModel>;
  /** Those that the list shows, as they stand now. */
  jobs: readonly JobAnswer[];
  /** With what was chosen. */
  problem: string | null;
}

/** What became of the last wish, and of what is chosen for the next. */
export function Outcome({ state, cancel, models, jobs, problem }: OutcomeProps) {
  const isLoading = [...models.values()].some(({ state }) => state.required && state.phase !== "ready");
  return (
    <>
      <div role="status" className="notice-slot">
        {state.kind === "idle" && isLoading && (
          <p className="notice">Models are still loading. Jobs are taken now, and begin by themselves.</p>
        )}
        {state.kind === "accepted" && <p className="notice">{acceptedText(state.job, { jobs, models })}</p>}
        {state.kind === "sending" && <p className="notice">Handing over…</p>}
      </div>
      {state.kind === "sending" && (
        <div className="sending">
          {state.totalBytes > 0 && <Sent sentBytes={state.sentBytes} totalBytes={state.totalBytes} />}
          <button type="button" className="plain" onClick={cancel}>
            Stop
          </button>
        </div>
      )}
      {(state.kind === "failed" || problem !== null) && (
        <p role="alert" className="notice bad">
          {problem ?? (state.kind === "failed" && state.detail)}
        </p>
      )}
    </>
  );
}

function Sent({ sentBytes, totalBytes }: { sentBytes: number; totalBytes: number }) {
  return (
    <>
      <progress aria-label="Sent" max={totalBytes} value={sentBytes} />
      <span className="hint">
        {percent(sentBytes / totalBytes)} of {bytes(totalBytes)}
      </span>
    </>
  );
}

/** As far as it still holds. */
function acceptedText(accepted: JobAnswer, { jobs, models }: Pick<OutcomeProps, "jobs" | "models">): string {
  const job = jobs.find(({ job_uuid }) => job_uuid === accepted.job_uuid);
  const wait = job?.status === "pending" && waitOf(job.model, models.get(job.model));
  const leave = !(job && isTerminal(job)) && "You may leave this page.";
  return [`Accepted as ${nameOf(accepted)}.`, wait, leave].filter(Boolean).join(" ");
}

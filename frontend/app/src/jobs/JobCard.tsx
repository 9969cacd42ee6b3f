import type { JobAnswer } from "@greenroom/client";
import { isTerminal } from "@greenroom/client/jobs";
import { useId, useState } from "react";
import { clockTime, sentence, when } from "../models/words";
import { BadLines } from "./BadLines";
import { JobOrders } from "./JobOrders";
import { Results } from "./Results";
import type { KnownModel } from "./useModelStates";
import { useSecondsLeft } from "./useSecondsLeft";
import { capitalised, counted, duration, nameOf, number, percent, STATES, titleOf, waitOf } from "./words";

interface JobCardProps {
  job: JobAnswer;
  model: KnownModel | undefined;
  /** The server cannot be reached: this is what was known before. */
  isAway: boolean;
  onChange(job: JobAnswer): void;
}

export function JobCard({ job, model, isAway, onChange }: JobCardProps) {
  const heading = useId();
  const results = useId();
  const [isOpen, setIsOpen] = useState(false);
  const hasResults = job.done > 0;
  return (
    <article className="panel model job" aria-labelledby={heading}>
      <Head job={job} headingId={heading} isAway={isAway} />
      {!isTerminal(job) && <Underway job={job} model={model} isAway={isAway} />}
      {job.error !== null && <Failure job={job} />}
      <BadLines lines={job.bad_lines} count={job.bad_line_count} />
      <JobOrders
        job={job}
        isAway={isAway}
        onChange={onChange}
        {...(hasResults && { results: { id: results, isOpen, toggle: () => setIsOpen(!isOpen) } })}
      />
      <div id={results}>{isOpen && hasResults && <Results key={job.finished_at} job={job} />}</div>
    </article>
  );
}

function Head({ job, headingId, isAway }: Pick<JobCardProps, "job" | "isAway"> & { headingId: string }) {
  const { label, tone } = STATES[job.status];
  return (
    <header className="model-head">
      <h3 id={headingId}>{titleOf(job)}</h3>
      <span className="chip" data-tone={isAway && tone === "busy" ? "quiet" : tone}>
        {job.cancelling ? "Being cancelled" : label}
      </span>
      {job.result_label !== null && (
        <b data-label={job.result_label}>
          {capitalised(job.result_label)}
          {job.result_score !== null && `, ${percent(job.result_score)}`}
        </b>
      )}
      <p className="model-kind">
        {amountOf(job)}
        <span>
          model <b>{job.model}</b>
        </span>
        {job.model_version !== null && (
          <span>
            version <b>{job.model_version}</b>
          </span>
        )}
        <span>
          <time dateTime={job.created_at}>{when(job.created_at)}</time>
        </span>
        <span>
          <code className="job-id">{job.job_uuid}</code>
        </span>
      </p>
    </header>
  );
}

/** Of a job that ended early, how far it came: results and downloads are of that part. */
function amountOf(job: JobAnswer): string {
  const all = counted(job.total, "input");
  const isPart = isTerminal(job) && job.done < job.total && job.total > 1;
  return isPart ? `${number(job.done)} of ${all} have results` : all;
}

function Underway({ job, model, isAway }: Pick<JobCardProps, "job" | "model" | "isAway">) {
  const seconds = useSecondsLeft(job, isAway);
  const isWaiting = job.status === "pending";
  const left = !isWaiting && seconds !== null && `about ${duration(seconds)} left`;
  const amount = `${number(job.done)} of ${number(job.total)}`;
  return (
    <div className="load">
      <div
        role="progressbar"
        className="bar"
        aria-label={nameOf(job)}
        aria-valuenow={job.progress}
        aria-valuemin={0}
        aria-valuemax={100}
      >
        <div style={{ width: `${job.progress}%` }} />
      </div>
      <p className="load-detail">
        <b>{job.progress}%</b>
        <span>{isWaiting ? waitOf(job.model, model) : [amount, left].filter(Boolean).join(" · ")}</span>
      </p>
    </div>
  );
}

/** Also an earlier try's reason, while the next one is waited for. */
function Failure({ job: { error, status, retry_at } }: { job: JobAnswer }) {
  return (
    <p className={status === "failed" ? "notice bad" : "notice warn"}>
      {error && sentence(error.message)}
      {retry_at !== null && ` The next try is at ${clockTime(retry_at)}.`}
    </p>
  );
}

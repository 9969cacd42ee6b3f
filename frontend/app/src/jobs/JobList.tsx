import type { JobState } from "@greenroom/client";
import { useId } from "react";
import { JobCard } from "./JobCard";
import { Pager } from "./Pager";
import { PAGE_SIZE } from "./place";
import type { Jobs } from "./useJobs";
import type { KnownModel } from "./useModelStates";
import { STATES } from "./words";

interface JobListProps {
  jobs: Jobs;
  models: ReadonlyMap<string, KnownModel>;
}

/** All jobs of the server, the newest first. */
export function JobList({ jobs, models }: JobListProps) {
  const heading = useId();
  const { page, problem, skip, status } = jobs;
  return (
    <section className="job-list" aria-labelledby={heading}>
      <div className="label-row">
        <h2 id={heading}>All jobs</h2>
        <StateFilter {...jobs} />
      </div>
      <p role="status" className="off-screen">
        {jobs.news}
      </p>
      <div role="status">
        {page === null && problem === null && <p className="hint">Asking the server…</p>}
        {problem !== null && (
          <p className="notice warn">
            {problem} {page !== null && "What you see is what was known before."} The next look comes by
            itself.
          </p>
        )}
        {page?.jobs.length === 0 && (
          <p className="notice">{status ? `No job is ${status}.` : "There is no job yet."}</p>
        )}
      </div>
      <ul className="models">
        {page?.jobs.map((job) => (
          <li key={job.job_uuid}>
            <JobCard
              job={job}
              model={models.get(job.model)}
              isAway={problem !== null}
              onChange={jobs.update}
            />
          </li>
        ))}
      </ul>
      {page !== null && (
        <Pager what="jobs" skip={skip} size={PAGE_SIZE} total={page.total} onTurn={jobs.turnTo} />
      )}
    </section>
  );
}

function StateFilter({ status, filter }: Pick<Jobs, "status" | "filter">) {
  const id = useId();
  return (
    <span className="field-row">
      <label htmlFor={id}>Show</label>
      <select
        id={id}
        value={status ?? ""}
        onChange={(event) => filter((event.target.value || undefined) as JobState | undefined)}
      >
        <option value="">all</option>
        {Object.entries(STATES).map(([state, { label }]) => (
          <option key={state} value={state}>
            {label.toLowerCase()}
          </option>
        ))}
      </select>
    </span>
  );
}

import type { JobAnswer } from "@greenroom/client";
import { useRef } from "react";
import { Masthead } from "../Masthead";
import { JobList } from "./JobList";
import { NewJob } from "./NewJob";
import { useJobs } from "./useJobs";
import { useModelStates } from "./useModelStates";

export function Jobs() {
  const jobs = useJobs();
  const models = useModelStates();
  /** Of the jobs that this page has sent as texts, for their results. */
  const texts = useRef(new Map<string, readonly string[]>());
  function accepted(job: JobAnswer, inputs: readonly string[] | null) {
    if (inputs !== null) texts.current.set(job.job_uuid, inputs);
    jobs.showFirst(job);
  }
  return (
    <>
      <Masthead page="jobs" />
      <main className="wide">
        <h1>Jobs</h1>
        <p className="lead">
          Texts by the thousand: hand them over, leave if you like, and come back for the results. Nothing
          accepted is lost.
        </p>
        <NewJob models={models} onAccepted={accepted} />
        <JobList jobs={jobs} models={models} textsOf={(id) => texts.current.get(id) ?? null} />
      </main>
    </>
  );
}

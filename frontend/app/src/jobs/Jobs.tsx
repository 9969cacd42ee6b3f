import { Masthead } from "../Masthead";
import { JobList } from "./JobList";
import { NewJob } from "./NewJob";
import { useJobs } from "./useJobs";
import { useModelStates } from "./useModelStates";

export function Jobs() {
  const jobs = useJobs();
  const models = useModelStates();
  return (
    <>
      <Masthead page="jobs" />
      <main className="wide">
        <h1>Jobs</h1>
        <p className="lead">
          Texts by the thousand: hand them over, leave if you like, and come back for the results. Nothing
          accepted is lost.
        </p>
        <NewJob models={models} jobs={jobs.page?.jobs ?? []} onAccepted={jobs.showFirst} />
        <JobList jobs={jobs} models={models} />
      </main>
    </>
  );
}

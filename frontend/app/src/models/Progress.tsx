import type { ModelState, VersionState } from "@greenroom/client";
import { bytes, clockTime, duration, phaseLabel, STAGES, sentence } from "./words";

/** What is under way: a load, a coming version, a failure and its next try. */
export function Underway({ state, isIdle }: { state: ModelState; isIdle: boolean }) {
  const isLoading = !isIdle && state.phase !== "ready" && state.phase !== "failed";
  return (
    <>
      {isLoading && <Load state={state} />}
      {state.error !== null && <Failure {...state} />}
      {state.target !== null && <Target target={state.target} serving={state.version} />}
    </>
  );
}

function Load({ state }: { state: ModelState }) {
  const { progress, estimated_seconds: seconds, bytes_done, bytes_total } = state;
  const stage = state.stages.find(({ done }) => done > 0 && done < 1);
  const details = [
    stage && STAGES[stage.name],
    state.phase === "downloading" && bytes_total && `${bytes(bytes_done ?? 0)} of ${bytes(bytes_total)}`,
    seconds !== null && `about ${duration(seconds)} left`,
    state.attempt > 1 && `attempt ${state.attempt}`,
  ].filter(Boolean);
  return <Bar label={`Loading ${state.name}`} percent={progress} detail={details.join(" · ")} />;
}

function Target({ target, serving }: { target: VersionState; serving: string | null }) {
  const name = target.version === null ? "Another version" : `Version ${target.version}`;
  if (target.error !== null)
    return (
      <p className="notice warn">
        {name} could not take over: {sentence(target.error.message)}
      </p>
    );
  return (
    <div className="target">
      <p>
        <b>{name}</b> loads beside version {serving}, which goes on serving.
      </p>
      <Bar label={`Loading ${name}`} percent={target.progress} detail={phaseLabel(target.phase)} />
    </div>
  );
}

/** Also an earlier try's reason, while the next one is under way. */
function Failure({ error, retry_at, phase }: ModelState) {
  return (
    <p className={phase === "failed" ? "notice bad" : "notice warn"}>
      {error && sentence(error.message)}
      {retry_at !== null && ` The next try is at ${clockTime(retry_at)}.`}
    </p>
  );
}

function Bar({ label, percent, detail }: { label: string; percent: number; detail: string }) {
  return (
    <div className="load">
      <div
        role="progressbar"
        className="bar"
        aria-label={label}
        aria-valuenow={percent}
        aria-valuemin={0}
        aria-valuemax={100}
      >
        <div style={{ width: `${percent}%` }} />
      </div>
      <p className="load-detail">
        <b>{percent}%</b> <span>{detail}</span>
      </p>
    </div>
  );
}

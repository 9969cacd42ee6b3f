import type { JobAnswer } from "@greenroom/client";
import { isTerminal, type Job, job as jobOf } from "@greenroom/client/jobs";
import { useGreenroom } from "@greenroom/react";
import { useEffect, useRef, useState } from "react";
import { problemOf } from "./useJobs";
import { nameOf } from "./words";

interface JobOrdersProps {
  job: JobAnswer;
  isAway: boolean;
  onChange(job: JobAnswer): void;
  results?: { id: string; isOpen: boolean; toggle(): void };
}

const FORMATS = { csv: "CSV", json: "JSON", jsonl: "JSON Lines" } as const;

/** What a person can ask of one job. */
export function JobOrders({ job, isAway, onChange, results }: JobOrdersProps) {
  const { isBusy, problem, give } = useOrder(onChange, `${job.status} ${isAway}`);
  const place = useFocusKept(job);
  const handle = jobOf(useGreenroom(), job.job_uuid);
  const whose = <span className="off-screen">{nameOf(job)}</span>;
  const button = (text: string, order: (handle: Job) => Promise<JobAnswer>) => (
    <button
      type="button"
      className="secondary"
      aria-disabled={isBusy}
      onClick={() => give(() => order(handle))}
    >
      {text} {whose}
    </button>
  );
  return (
    <footer className="orders" ref={place} tabIndex={-1}>
      <div className="order-buttons">
        {results && (
          <button
            type="button"
            className="secondary"
            aria-expanded={results.isOpen}
            aria-controls={results.id}
            onClick={results.toggle}
          >
            {results.isOpen ? "Hide results" : "Show results"} {whose}
          </button>
        )}
        {!isTerminal(job) && !job.cancelling && button("Cancel", (mine) => mine.cancel())}
        {(job.status === "failed" || job.status === "cancelled") &&
          button("Try again", (mine) => mine.retry())}
        {results && (
          <span className="downloads">
            {job.status === "completed" ? "Download" : "Download what there is"}{" "}
            {Object.entries(FORMATS).map(([format, name]) => (
              <a
                key={format}
                href={`${handle.resultsUrl(format as keyof typeof FORMATS, { inputs: true })}&bom=true`}
                download
              >
                {name} {whose}
              </a>
            ))}
          </span>
        )}
      </div>
      <div role="status" className="notice-slot">
        {problem !== null && <p className="notice bad">{problem}</p>}
      </div>
    </footer>
  );
}

/** An order that was carried out takes its button away: the focus goes to the next one, or to their place. */
function useFocusKept({ status, cancelling }: JobAnswer) {
  const place = useRef<HTMLElement>(null);
  const hadFocus = useRef(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another state has other buttons.
  useEffect(() => {
    if (hadFocus.current && document.activeElement === document.body)
      (place.current?.querySelector("button") ?? place.current)?.focus();
    const mine = place.current;
    const look = () => {
      hadFocus.current = mine?.contains(document.activeElement) ?? false;
    };
    document.addEventListener("focusin", look);
    return () => document.removeEventListener("focusin", look);
  }, [status, cancelling]);
  return place;
}

/** One at a time: a press while another order is under way does nothing. What came of it holds for this standing. */
function useOrder(onChange: (job: JobAnswer) => void, standing: string) {
  const [isBusy, setIsBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: in another standing it says nothing.
  useEffect(() => setProblem(null), [standing]);
  async function run(order: () => Promise<JobAnswer>) {
    setIsBusy(true);
    setProblem(null);
    try {
      onChange(await order());
    } catch (error) {
      setProblem(problemOf(error));
    }
    setIsBusy(false);
  }
  return { isBusy, problem, give: (order: () => Promise<JobAnswer>) => void (isBusy || run(order)) };
}

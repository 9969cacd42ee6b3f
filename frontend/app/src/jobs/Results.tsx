import type { JobAnswer } from "@greenroom/client";
import { useId, useMemo, useState } from "react";
import { LabelChart } from "./LabelChart";
import { ResultsTable } from "./ResultsTable";
import { MAX_ROWS, useResults } from "./useResults";
import { capitalised, nameOf, number } from "./words";

const ALL = "all";
/** No label begins so. */
const NONE = "\u0000none";

export function Results({ job }: { job: JobAnswer }) {
  const { rows, labels, count, isComplete, problem } = useResults(job.job_uuid);
  const [label, setLabel] = useState(ALL);
  const [search, setSearch] = useState("");
  const ids = { label: useId(), search: useId() };
  const matching = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    return rows.filter(
      (row) =>
        (label === ALL || (row.label ?? NONE) === label) &&
        (wanted === "" || (row.text ?? "").toLowerCase().includes(wanted)),
    );
  }, [rows, label, search]);
  return (
    <section
      className="results"
      aria-label={`Results of ${nameOf(job)}`}
      aria-busy={!isComplete && problem === null}
    >
      <p role="status" className="hint">
        {!isComplete && problem === null && `Reading… ${number(count)}`}
      </p>
      {problem !== null && (
        <p role="alert" className="notice bad">
          {problem}
        </p>
      )}
      <LabelChart labels={labels} total={count} />
      <div className="filters">
        {labels.length > 0 && (
          <span className="field-row">
            <label htmlFor={ids.label}>Label</label>
            <select id={ids.label} value={label} onChange={(event) => setLabel(event.target.value)}>
              <option value={ALL}>All labels</option>
              {labels.map(([name]) => (
                <option key={name ?? NONE} value={name ?? NONE}>
                  {name === null ? "No result" : capitalised(name)}
                </option>
              ))}
            </select>
          </span>
        )}
        <span className="field-row">
          <label htmlFor={ids.search}>Text contains</label>
          <input
            id={ids.search}
            type="search"
            className="column"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
        </span>
      </div>
      <ResultsTable key={`${label} ${search}`} name={nameOf(job)} rows={matching} />
      {count > MAX_ROWS && (
        <p className="hint">The table holds the first {number(MAX_ROWS)} rows; a download has them all.</p>
      )}
    </section>
  );
}

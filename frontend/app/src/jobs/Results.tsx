import type { JobAnswer } from "@greenroom/client";
import { isTerminal } from "@greenroom/client/jobs";
import { useId, useMemo, useState } from "react";
import { LabelChart } from "./LabelChart";
import { ResultsTable } from "./ResultsTable";
import { MAX_ROWS, type ResultsRead, useResults } from "./useResults";
import { capitalised, counted, nameOf, number } from "./words";

const ALL = "all";
/** No label begins so. */
const NONE = "\u0000none";

export function Results({ job }: { job: JobAnswer }) {
  const [turn, setTurn] = useState(0);
  const { rows, labels, count, dimension, isComplete, problem } = useResults(job.job_uuid, turn);
  const [label, setLabel] = useState(ALL);
  const [search, setSearch] = useState("");
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
      {!isTerminal(job) && isComplete && (
        <SoFar count={count} total={job.total} onAgain={() => setTurn(turn + 1)} />
      )}
      {dimension !== null && (
        <p className="hint">
          Each text has become a vector of {number(dimension)} numbers; the downloads have them.
        </p>
      )}
      <LabelChart labels={labels} total={count} />
      <Filters labels={labels} label={label} search={search} onLabel={setLabel} onSearch={setSearch} />
      <ResultsTable
        key={`${label} ${search}`}
        name={nameOf(job)}
        rows={matching}
        areVectors={dimension !== null}
      />
      {count > MAX_ROWS && (
        <p className="hint">The table holds the first {number(MAX_ROWS)} rows; a download has them all.</p>
      )}
    </section>
  );
}

/** Of a job that goes on. */
function SoFar({ count, total, onAgain }: { count: number; total: number; onAgain(): void }) {
  return (
    <p className="hint">
      <span role="status">
        The first {number(count)} of {counted(total, "input")}: the job goes on.
      </span>{" "}
      <button type="button" className="plain" onClick={onAgain}>
        Read again
      </button>
    </p>
  );
}

interface FiltersProps extends Pick<ResultsRead, "labels"> {
  label: string;
  search: string;
  onLabel(label: string): void;
  onSearch(search: string): void;
}

function Filters({ labels, label, search, onLabel, onSearch }: FiltersProps) {
  const ids = { label: useId(), search: useId() };
  return (
    <div className="filters">
      {labels.length > 0 && (
        <span className="field-row">
          <label htmlFor={ids.label}>Label</label>
          <select id={ids.label} value={label} onChange={(event) => onLabel(event.target.value)}>
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
          onChange={(event) => onSearch(event.target.value)}
        />
      </span>
    </div>
  );
}

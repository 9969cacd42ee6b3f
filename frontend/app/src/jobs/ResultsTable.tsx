import { useState } from "react";
import { Pager } from "./Pager";
import type { ResultRow } from "./useResults";
import { capitalised, number, percent } from "./words";

const PAGE_SIZE = 25;

interface ResultsTableProps {
  name: string;
  rows: readonly ResultRow[];
  /** They have neither label nor score. */
  areVectors: boolean;
}

/** A page of the rows. It may be wider than a phone, so it scrolls inside itself, by keyboard too. */
export function ResultsTable({ name, rows, areVectors }: ResultsTableProps) {
  const [skip, setSkip] = useState(0);
  if (rows.length === 0) return <p className="hint">No row to show.</p>;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard. */}
      <section className="scroll" aria-label={`Rows of ${name}`} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Input</th>
              <th scope="col">Text</th>
              {!areVectors && <th scope="col">Label</th>}
              {!areVectors && <th scope="col">Score</th>}
              <th scope="col">Note</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(skip, skip + PAGE_SIZE).map((row) => (
              <tr key={row.index}>
                <th scope="row">{number(row.index + 1)}</th>
                <td className="row-text">{row.text}</td>
                {!areVectors && <LabelCells {...row} />}
                <td className="row-note">{noteOf(row)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <Pager what="results" skip={skip} size={PAGE_SIZE} total={rows.length} onTurn={setSkip} />
    </>
  );
}

function LabelCells({ label, score }: Pick<ResultRow, "label" | "score">) {
  return (
    <>
      <td data-label={label ?? undefined}>{label ? capitalised(label) : "–"}</td>
      <td>{score == null ? "–" : percent(score)}</td>
    </>
  );
}

function noteOf({ error, truncated }: ResultRow): string {
  if (error) return error.message;
  return truncated ? "Its end was left out: the text is longer than the model reads." : "";
}

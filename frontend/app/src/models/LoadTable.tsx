import type { StageName } from "@greenroom/client";
import type { MeasuredLoad } from "./LoadTimes";
import { loadSeconds, STAGES, when } from "./words";

interface LoadTableProps {
  model: string;
  loads: readonly MeasuredLoad[];
  stages: readonly StageName[];
}

/** The chart's numbers. It may be wider than a phone, so it scrolls inside itself, by keyboard too. */
export function LoadTable({ model, loads, stages }: LoadTableProps) {
  return (
    <details className="load-table">
      <summary>As a table</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard. */}
      <section className="scroll" aria-label={`Load times of ${model}`} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Version</th>
              <th scope="col">Ready at</th>
              {stages.map((name) => (
                <th key={name} scope="col">
                  {STAGES[name]}
                </th>
              ))}
              <th scope="col">Total</th>
            </tr>
          </thead>
          <tbody>
            {loads.map((load) => (
              <Row key={load.key} load={load} stages={stages} />
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}

function Row({ load, stages }: { load: MeasuredLoad; stages: readonly StageName[] }) {
  const secondsOf = (wanted: StageName) => load.stages.find(({ name }) => name === wanted)?.seconds;
  return (
    <tr>
      <th scope="row">{load.version}</th>
      <td>{load.at === null ? "not kept" : when(load.at)}</td>
      {stages.map((name) => {
        const seconds = secondsOf(name);
        return <td key={name}>{seconds === undefined ? "–" : loadSeconds(seconds)}</td>;
      })}
      <td>
        <b>{loadSeconds(load.total)}</b>
      </td>
    </tr>
  );
}

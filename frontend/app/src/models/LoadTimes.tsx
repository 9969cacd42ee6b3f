import type { LoadSeconds, StageName } from "@greenroom/client";
import { LoadTable } from "./LoadTable";
import { loadSeconds, STAGES, when } from "./words";

/** The latest few say how the next one will be. */
const SHOWN = 6;

export interface MeasuredLoad {
  key: string;
  version: string;
  at: string | null;
  total: number;
  stages: { name: StageName; seconds: number }[];
}

/** How long each load took, its stages one after the other on one scale, the latest first; and the same as a table. */
export function LoadTimes({ model, loads }: { model: string; loads: readonly LoadSeconds[] }) {
  const shown = loads.slice(-SHOWN).map(measured).reverse();
  const longest = Math.max(...shown.map(({ total }) => total));
  if (shown.length === 0 || longest <= 0) return null;
  const stages = namesOf(shown);
  return (
    <div>
      <h3>Load times</h3>
      <ol className="load-bars">
        {shown.map((load) => (
          <li key={load.key}>
            <span>version {load.version}</span>
            {load.at !== null && <time dateTime={load.at}>{when(load.at)}</time>}
            <LoadBar load={load} longest={longest} />
            <span className="number">{loadSeconds(load.total)}</span>
          </li>
        ))}
      </ol>
      <Legend stages={stages} />
      <LoadTable model={model} loads={shown} stages={stages} />
    </div>
  );
}

/** Sizes in per cent, so that no text is stretched and no width has to be known. */
function LoadBar({ load, longest }: { load: MeasuredLoad; longest: number }) {
  let before = 0;
  const said = load.stages.map(({ name, seconds }) => `${STAGES[name]} ${loadSeconds(seconds)}`).join(", ");
  return (
    <svg className="load-bar" role="img" aria-label={said}>
      {load.stages.map(({ name, seconds }) => {
        const x = (before / longest) * 100;
        before += seconds;
        return (
          <rect
            key={name}
            data-stage-name={name}
            x={`${x}%`}
            width={`${(seconds / longest) * 100}%`}
            height="100%"
          >
            <title>
              {STAGES[name]} {loadSeconds(seconds)}
            </title>
          </rect>
        );
      })}
    </svg>
  );
}

function Legend({ stages }: { stages: readonly StageName[] }) {
  return (
    <ul className="legend" aria-label="Colours of the stages">
      {stages.map((name) => (
        <li key={name}>
          <svg aria-hidden="true">
            <rect data-stage-name={name} width="100%" height="100%" />
          </svg>
          {STAGES[name]}
        </li>
      ))}
    </ul>
  );
}

function measured({ version, at, seconds }: LoadSeconds, index: number): MeasuredLoad {
  const stages = namesIn(seconds).map((name) => ({ name, seconds: seconds[name] ?? 0 }));
  const total = stages.reduce((sum, stage) => sum + stage.seconds, 0);
  return { key: `${index} ${version} ${at}`, version, at, total, stages };
}

/** In the order in which they happen; what a newer server may call otherwise is left out. */
function namesIn(seconds: LoadSeconds["seconds"]): StageName[] {
  return (Object.keys(STAGES) as StageName[]).filter((name) => (seconds[name] ?? 0) > 0);
}

function namesOf(loads: readonly MeasuredLoad[]): StageName[] {
  const used = new Set(loads.flatMap(({ stages }) => stages.map(({ name }) => name)));
  return (Object.keys(STAGES) as StageName[]).filter((name) => used.has(name));
}

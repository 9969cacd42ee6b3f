import type { ModelReport } from "@greenroom/client";
import type { ReactNode } from "react";
import type { ModelProps } from "./ModelCard";
import { bytes, duration, when } from "./words";

/** What is known is said; what is not has no row. */
export function Facts({ report, state }: ModelProps) {
  const previous = state.previous && `version ${state.previous.version}`;
  const facts: [string, ReactNode][] = [
    ["Memory", report.memory_bytes && bytes(report.memory_bytes)],
    ["Calls in use", report.resident && callsOf(report)],
    ["Ready since", report.loaded_at && <time dateTime={report.loaded_at}>{when(report.loaded_at)}</time>],
    ["Runs on", runsOn(report)],
    ["Process", report.pid],
    ["Previous", previous],
    ["Times loaded", report.loads > 0 && String(report.loads)],
    ["Vectors", state.task === "embed" && report.dimension && `${report.dimension} numbers`],
    ["Reads up to", report.max_tokens && `${report.max_tokens} tokens`],
    ["Embedding space", report.space && <code>{report.space}</code>],
    ["Classes", report.classes.join(", ")],
    ["Columns", Object.keys(report.columns).length || null],
    ["Source", <code key="source">{report.source}</code>],
    [
      "Looked at",
      report.source_look && <time dateTime={report.source_look.at}>{when(report.source_look.at)}</time>,
    ],
  ];
  return (
    <dl className="facts">
      {facts.map(([name, value]) => Boolean(value) && <Fact key={name} name={name} value={value} />)}
    </dl>
  );
}

const WIDE = new Set(["Classes", "Source"]);

function Fact({ name, value }: { name: string; value: ReactNode }) {
  return (
    <div className={WIDE.has(name) ? "wide-fact" : undefined}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function callsOf({ busy_calls, idle_seconds }: ModelReport): string {
  if (busy_calls > 0 || idle_seconds === null) return String(busy_calls);
  return `0, idle for ${duration(Math.max(1, Math.round(idle_seconds)))}`;
}

function runsOn({ device, dtype }: ModelReport): string {
  return [device, dtype].filter(Boolean).join(", ");
}

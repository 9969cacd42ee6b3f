import type { ModelReport, ModelState } from "@greenroom/client";
import { useId } from "react";
import { Actions } from "./Actions";
import { Facts } from "./Facts";
import { Files } from "./Files";
import { Gate } from "./Gate";
import { LoadTimes } from "./LoadTimes";
import { Underway } from "./Progress";
import { RefusedVersions } from "./RefusedVersions";
import { SourceTrouble } from "./SourceTrouble";
import { kindOf, standingOf } from "./words";

export interface ModelProps {
  /** Polled: details. */
  report: ModelReport;
  /** Live: where it stands. */
  state: ModelState;
}

export function ModelCard({ report, state, onChange }: ModelProps & { onChange(): void }) {
  const heading = useId();
  return (
    <article className="panel model" aria-labelledby={heading}>
      <Head report={report} state={state} headingId={heading} />
      <Underway state={state} isIdle={isIdle(report, state)} />
      <SourceTrouble look={report.source_look} />
      <RefusedVersions versions={report.refused_versions} />
      <Facts report={report} state={state} />
      <LoadTimes model={state.name} loads={report.load_history} />
      <div className="folds">
        <Gate gate={report.gate} />
        <Files files={report.files} />
      </div>
      <Actions report={report} state={state} onChange={onChange} />
    </article>
  );
}

/** Nobody has asked for it yet, or it made room for others: nothing is under way. */
export function isIdle(report: ModelReport, { required, phase, target }: ModelState): boolean {
  return phase === "queued" && !required && !report.resident && target === null;
}

function Head({ report, state, headingId }: ModelProps & { headingId: string }) {
  const standing = standingOf(state, isIdle(report, state));
  return (
    <header className="model-head">
      <h2 id={headingId}>{state.name}</h2>
      <span className="chip" data-tone={standing.tone}>
        {standing.label}
      </span>
      {report.pinned && (
        <span className="chip" data-tone="pinned">
          Pinned
        </span>
      )}
      <p className="model-kind">
        {kindOf(report)}
        {state.version !== null && (
          <span>
            version <b>{state.version}</b>
          </span>
        )}
        {report.stage !== null && (
          <span>
            follows <b>{report.stage}</b>
          </span>
        )}
        {!state.required && <span>loads on first use</span>}
      </p>
    </header>
  );
}

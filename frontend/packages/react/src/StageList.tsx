import type { ModelState, StageState } from "@greenroom/client";
import { bytes, type Labels } from "./words.ts";

/** The measured pieces of each load, on demand. */
export function StageList({ models, labels }: { models: readonly ModelState[]; labels: Labels }) {
  if (models.every((model) => model.stages.length === 0)) return null;
  return (
    <details className="gr-details">
      <summary>Details</summary>
      {models.map((model) => (
        <section key={model.name}>
          <p className="gr-model">
            <span>{model.name}</span>
            <span className="gr-quiet">{transfer(model)}</span>
          </p>
          <ul className="gr-stages">
            {model.stages.map((stage) => (
              <Stage key={stage.name} stage={stage} labels={labels} />
            ))}
          </ul>
        </section>
      ))}
    </details>
  );
}

function Stage({ stage, labels }: { stage: StageState; labels: Labels }) {
  const percent = Math.floor(stage.done * 100);
  const state = stage.done >= 1 ? "done" : stage.done > 0 ? "under-way" : "waiting";
  return (
    <li data-stage={stage.name} data-stage-state={state}>
      <span>{labels.stage[stage.name] ?? stage.name}</span>
      <span className="gr-number">
        {state === "done" ? "done" : state === "waiting" ? "–" : `${percent} %`}
      </span>
    </li>
  );
}

function transfer(model: ModelState): string {
  if (model.bytes_total === null || model.bytes_done === null) return model.version ?? "";
  const amount = `${bytes(model.bytes_done)} of ${bytes(model.bytes_total)}`;
  return model.bytes_per_second === null ? amount : `${amount}, ${bytes(model.bytes_per_second)}/s`;
}

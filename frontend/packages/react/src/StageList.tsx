import type { Overlay } from "./useOverlay.ts";
import { stageProgress, stageText, transferOf } from "./words.ts";

/** The measured pieces of each load, on demand. */
export function StageList({ models, words }: Overlay) {
  if (models.length === 0) return null;
  return (
    <details className="gr-part">
      <summary>{words.messages.details}</summary>
      {models.map((model) => (
        <div key={model.name}>
          <p className="gr-row gr-model">
            <b>{model.name}</b>
            <span>{transferOf(words, model)}</span>
          </p>
          <ul>
            {model.stages.map((stage) => (
              <li
                key={stage.name}
                className="gr-row"
                data-stage={stage.name}
                data-stage-state={stageProgress(stage)}
              >
                <span>{words.messages.stages[stage.name] ?? stage.name}</span>
                <span>{stageText(words, stage)}</span>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </details>
  );
}

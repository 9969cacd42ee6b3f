import { useState } from "react";
import type { Answer } from "./earlier";
import { ScoredPairs } from "./PreviewResult";
import { EARLIER_RESULTS } from "./WhileWaiting";

const WHEN = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

/** Needs no model: what this browser was answered before. */
export function EarlierResults({ answers }: { answers: readonly Answer[] }) {
  if (answers.length === 0) return null;
  return (
    <details className="browse panel" id={EARLIER_RESULTS}>
      <summary>Earlier results</summary>
      <ul className="library" aria-label="Earlier results">
        {answers.map((answer) => (
          <Earlier key={answer.at} answer={answer} />
        ))}
      </ul>
    </details>
  );
}

function Earlier({ answer }: { answer: Answer }) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <li>
      <span className="trade">{WHEN.format(answer.at)}</span>
      <p className="request">{answer.description}</p>
      <details onToggle={(event) => setIsOpen(event.currentTarget.open)}>
        <summary>Pairs that were found</summary>
        {isOpen && <ScoredPairs pairs={answer.preview.pairs} />}
      </details>
    </li>
  );
}

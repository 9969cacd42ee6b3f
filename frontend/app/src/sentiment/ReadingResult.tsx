import { useSettled } from "../useSettled";
import type { Reading } from "./useReading";

/** Longer than the pause between two answers of somebody who writes on: a voice tells the last one only. */
const VOICE_PAUSE_MS = 1_200;
const PERCENT = new Intl.NumberFormat("en", {
  style: "percent",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});

interface ReadingResultProps {
  reading: Reading;
  /** Another one is on its way. */
  isReplacing: boolean;
}

export function ReadingResult({ reading: { answer }, isReplacing }: ReadingResultProps) {
  const voice = useSettled(`${capitalised(answer.label)}, ${PERCENT.format(answer.score)}`, VOICE_PAUSE_MS);
  const scores = Object.entries(answer.results[0]?.scores ?? {});
  return (
    <section className="panel reading" aria-labelledby="reading-heading" aria-busy={isReplacing}>
      <h2 id="reading-heading" className="off-screen">
        What the model reads
      </h2>
      <p className="verdict" data-label={answer.label}>
        <span className="verdict-label">{capitalised(answer.label)}</span>
        <span className="verdict-score">{PERCENT.format(answer.score)}</span>
      </p>
      <p role="status" className="off-screen">
        {voice}
      </p>
      <ul className="scores" aria-label="All labels">
        {scores.map(([label, score]) => (
          <Score key={label} label={label} score={score} isBest={label === answer.label} />
        ))}
      </ul>
      {answer.truncated.length > 0 && (
        <p className="notice warn">Your text is longer than the model reads; the end was left out.</p>
      )}
      <p className="hint">
        Read by {answer.model}, version {answer.version}
        {answer.cached && "; kept from an earlier call"}.
      </p>
    </section>
  );
}

function Score({ label, score, isBest }: { label: string; score: number; isBest: boolean }) {
  return (
    <li className="score-row" data-best={isBest || undefined} data-label={label}>
      <span>{capitalised(label)}</span>
      <meter
        min={0}
        max={1}
        value={score}
        aria-label={capitalised(label)}
        aria-valuetext={PERCENT.format(score)}
      />
      <span className="number">{PERCENT.format(score)}</span>
    </li>
  );
}

function capitalised(label: string): string {
  return label.charAt(0).toUpperCase() + label.slice(1);
}

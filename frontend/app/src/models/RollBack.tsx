import { useEffect, useId, useRef } from "react";

interface RollBackProps {
  serving: string | null;
  previous: string | null;
  onAnswer(isMeant: boolean): void;
}

/** Asked where the button was pressed, and without stopping the page. Escape means no. */
export function RollBack({ serving, previous, onAnswer }: RollBackProps) {
  const question = useId();
  const yes = useRef<HTMLButtonElement>(null);
  useEffect(() => yes.current?.focus(), []);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for the fields of a form.
    <div
      role="group"
      className="notice warn ask"
      aria-labelledby={question}
      onKeyDown={(event) => event.key === "Escape" && onAnswer(false)}
    >
      <p id={question}>
        Version {previous} takes over from version {serving} and is pinned: it stays until the source names
        another version, or somebody unpins it.
      </p>
      <div className="order-buttons">
        <button type="button" className="primary" ref={yes} onClick={() => onAnswer(true)}>
          Roll back to version {previous}
        </button>
        <button type="button" className="secondary" onClick={() => onAnswer(false)}>
          Keep version {serving}
        </button>
      </div>
    </div>
  );
}

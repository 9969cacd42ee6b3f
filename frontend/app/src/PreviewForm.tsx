import { useRequestQueue } from "@greenroom/react";
import { type FormEvent, useId, useState } from "react";
import { PREVIEW_LABEL } from "./api";
import { useDraft } from "./draft";
import { EXAMPLES } from "./example";
import type { PreviewState } from "./usePreview";

interface PreviewFormProps {
  state: PreviewState;
  onAsk(description: string, k: number): void;
  onCancel(): void;
}

export function PreviewForm({ state, onAsk, onCancel }: PreviewFormProps) {
  const [text, setText] = useDraft();
  const [k, setK] = useState("3");
  const [shown, setShown] = useState(0);
  const ids = { text: useId(), k: useId(), hint: useId() };

  function submit(event: FormEvent) {
    event.preventDefault();
    onAsk(text, Number(k));
  }

  function example() {
    setText(EXAMPLES[shown % EXAMPLES.length] ?? "");
    setShown(shown + 1);
  }

  return (
    <form className="panel" onSubmit={submit}>
      <div className="label-row">
        <label htmlFor={ids.text}>Request for quotation</label>
        <button type="button" className="plain" onClick={example}>
          Use an example
        </button>
      </div>
      <textarea
        id={ids.text}
        rows={7}
        required
        maxLength={10_000}
        aria-describedby={ids.hint}
        placeholder="What do you need, how much of it, and by when?"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <p id={ids.hint} className="hint">
        Kept in this browser while you write.
      </p>
      <div className="actions">
        <label htmlFor={ids.k}>Golden pairs to show</label>
        <input
          id={ids.k}
          type="number"
          inputMode="numeric"
          min={1}
          max={10}
          required
          value={k}
          onChange={(event) => setK(event.target.value)}
        />
        <button type="submit" className="primary" disabled={state.kind === "asking"}>
          Preview prompt
        </button>
      </div>
      <Notice state={state} onCancel={onCancel} />
    </form>
  );
}

function Notice({ state, onCancel }: { state: PreviewState; onCancel(): void }) {
  const { requests } = useRequestQueue();
  const isQueued = requests.some((request) => request.label === PREVIEW_LABEL);
  return (
    <>
      <div role="status" className="notice-slot">
        {state.kind === "asking" && (
          <p className="notice">
            {isQueued
              ? "Waiting for the model; your request goes out by itself"
              : "Looking for the closest pairs…"}
          </p>
        )}
      </div>
      {state.kind === "asking" && isQueued && (
        <button type="button" className="plain" onClick={onCancel}>
          Cancel
        </button>
      )}
      {state.kind === "failed" && (
        <p role="alert" className="notice bad">
          {state.detail}
        </p>
      )}
    </>
  );
}

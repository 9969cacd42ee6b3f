import type { QueuedRequest, ReadinessView } from "@greenroom/client";
import { useModelReadiness, useRequestQueue, useWaitHint } from "@greenroom/react";
import { type FormEvent, type KeyboardEvent, useId, useState } from "react";
import { PREVIEW_LABEL } from "./api";
import { useDraft } from "./draft";
import { EXAMPLES } from "./example";
import type { PreviewState } from "./usePreview";
import { DESCRIPTION } from "./WhileWaiting";

interface PreviewFormProps {
  state: PreviewState;
  onAsk(description: string, k: number): void;
  onCancel(): void;
}

export function PreviewForm({ state, onAsk, onCancel }: PreviewFormProps) {
  const [text, setText] = useDraft("rfq");
  const [k, setK] = useState("3");
  const [shown, setShown] = useState(0);
  const ids = { text: DESCRIPTION, k: useId(), hint: useId(), wait: useId() };

  const { requests, cancel: cancelQueued } = useRequestQueue();
  const queued = requests.find((request) => request.label === PREVIEW_LABEL);
  // Asked on this page, or kept from an earlier one.
  const isAsking = state.kind === "asking" || queued !== undefined;
  const waitHint = useWaitHint();

  function submit(event: FormEvent) {
    event.preventDefault();
    if (!isAsking) onAsk(text, Number(k));
  }

  /** Enter makes a new line here, so that sending needs Ctrl or ⌘ with it, as in chat windows. */
  function sendByKeyboard(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
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
        ref={(field) => field?.setCustomValidity(text !== "" && text.trim() === "" ? BLANK : "")}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={sendByKeyboard}
      />
      <p id={ids.hint} className="hint">
        Kept in this browser while you write. <span className="with-keyboard">Ctrl + Enter sends.</span>
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
        {/* Not `disabled`: that would take the focus away from the person who has just pressed it. */}
        <button type="submit" className="primary" aria-disabled={isAsking} aria-describedby={ids.wait}>
          Preview prompt
        </button>
        <span id={ids.wait} className="wait-hint">
          {!isAsking && waitHint}
        </span>
      </div>
      <Notice
        state={isAsking ? { kind: "asking" } : state}
        queued={queued}
        onCancel={() => (state.kind === "asking" ? onCancel() : queued && cancelQueued(queued.id))}
      />
    </form>
  );
}

const BLANK = "Please write what you need.";

/** The truth about a request that waits, whatever it waits for. */
function waitingText(view: ReadinessView): string {
  if (view.link.state === "offline" || view.link.state === "reconnecting")
    return "Kept; your request goes out by itself once the server can be reached";
  if (view.phase === "failed" && view.retryInSeconds === null)
    return "Kept; your request goes out by itself once the model loads. Press Try again in the card";
  // The model answers, but the request was lost on its way and pauses before it is sent again.
  if (view.ready) return "Kept; your request goes out again by itself in a moment";
  return "Waiting for the model; your request goes out by itself";
}

interface NoticeProps {
  state: PreviewState;
  queued: QueuedRequest | undefined;
  onCancel(): void;
}

function Notice({ state, queued, onCancel }: NoticeProps) {
  const view = useModelReadiness();
  const isWaiting = queued !== undefined && queued.state !== "sending";
  return (
    <>
      <div role="status" className="notice-slot">
        {state.kind === "answered-later" && (
          <p className="notice">The request that you made before this page was opened is answered below.</p>
        )}
        {state.kind === "asking" && (
          <p className="notice">{isWaiting ? waitingText(view) : "Looking for the closest pairs…"}</p>
        )}
      </div>
      {state.kind === "asking" && queued !== undefined && (
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

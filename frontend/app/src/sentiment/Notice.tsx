import type { ReadinessView } from "@greenroom/client";
import { useModelReadiness, useRequestQueue } from "@greenroom/react";
import { MODEL, NO_MODEL, READING_LABEL, type ReadingState } from "./useReading";

interface NoticeProps {
  state: ReadingState;
  isKnown: boolean;
  hasAnswer: boolean;
  onAskAgain(): void;
}

/** What stands between the text and its answer. */
export function Notice({ state, isKnown, hasAnswer, onAskAgain }: NoticeProps) {
  const waiting = useWaitingText(state.kind === "asking" && state.isJob === true);
  if (!isKnown)
    return (
      <p role="alert" className="notice bad">
        {NO_MODEL}
      </p>
    );
  return (
    <>
      <div role="status" className="notice-slot">
        {state.kind === "asking" && waiting !== null && <p className="notice">{waiting}</p>}
        {state.kind === "asking" && waiting === null && !hasAnswer && <p className="notice">Reading…</p>}
        {state.kind === "cancelled" && <p className="notice">Cancelled. Write on, or ask again.</p>}
      </div>
      {state.kind === "failed" && (
        <p role="alert" className="notice bad">
          {state.detail}
        </p>
      )}
      {(state.kind === "failed" || state.kind === "cancelled") && (
        <button type="button" className="secondary again" onClick={onAskAgain}>
          Ask again
        </button>
      )}
    </>
  );
}

/** `null` unless the text waits for something other than its turn. */
function useWaitingText(isJob: boolean): string | null {
  const view = useModelReadiness([MODEL]);
  const { requests } = useRequestQueue();
  const isWaiting = requests.some(({ label, state }) => label === READING_LABEL && state === "waiting");
  const isLoading = view.snapshot !== null && !view.ready;
  return isWaiting || (isJob && isLoading) ? waitingText(view) : null;
}

function waitingText({ link, phase, ready, retryInSeconds }: ReadinessView): string {
  if (link.state === "offline" || link.state === "reconnecting")
    return "Kept; your text is read once the server can be reached.";
  if (phase === "failed" && retryInSeconds === null)
    return "Kept; your text is read once the model loads. Press Try again in the card.";
  if (ready) return "Kept; your text goes out again in a moment.";
  return "The model is loaded on first use. Your text is read by itself as soon as it is ready; write on if you like.";
}

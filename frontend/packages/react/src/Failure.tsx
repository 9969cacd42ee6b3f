import { fill } from "./messages.ts";
import type { Overlay } from "./useOverlay.ts";

/** The way out of a failed load: when the server tries again by itself, a button to ask now, and what to report. */
export function Failure({ view, retry, diagnostics, words: { messages, format } }: Overlay) {
  const seconds = view.retryInSeconds;
  return (
    <>
      {seconds !== null && (
        <p className="gr-quiet">{fill(messages.retryIn, { time: format.duration(seconds) })}</p>
      )}
      {retry.problem !== null && (
        <p role="alert" lang="en">
          {retry.problem}
        </p>
      )}
      <div className="gr-actions">
        {retry.run !== null && (
          <button
            type="button"
            className="gr-main"
            aria-disabled={retry.isAsking}
            onClick={() => void retry.run?.()}
          >
            {retry.isAsking ? messages.asking : messages.retry}
          </button>
        )}
        <button type="button" onClick={() => void diagnostics.copy()}>
          {diagnostics.isCopied ? messages.copied : messages.copy}
        </button>
      </div>
      {diagnostics.text !== null && (
        <textarea
          readOnly
          rows={4}
          aria-label={messages.selected}
          value={diagnostics.text}
          ref={(area) => area?.select()}
        />
      )}
    </>
  );
}

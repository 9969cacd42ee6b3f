import { fill } from "./messages.ts";
import type { Overlay } from "./useOverlay.ts";

/** Requests that go out by themselves once their models are ready. */
export function QueueList({ queue: { requests, cancel, cancelAll }, words: { messages, format } }: Overlay) {
  if (requests.length === 0) return null;
  return (
    <div className="gr-part">
      <p className="gr-row">
        <b>{messages.queue}</b>
        {requests.length > 1 && (
          <button type="button" onClick={cancelAll}>
            {messages.cancelAll}
          </button>
        )}
      </p>
      <ol aria-label={messages.queue}>
        {requests.map(({ id, position, label, state }) => (
          <li key={id} className="gr-row" data-queue-position={position}>
            <span>{format.number(position)}.</span>
            <span className="gr-label">
              {label}
              {state === "sending" && ` (${messages.sending})`}
            </span>
            <button type="button" aria-label={fill(messages.cancelOne, { label })} onClick={() => cancel(id)}>
              {messages.cancel}
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}

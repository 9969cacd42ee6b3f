import type { QueuedRequest } from "@greenroom/client";

export interface QueueListProps {
  requests: readonly QueuedRequest[];
  onCancel(id: string): void;
}

/** Requests that go out by themselves once their models are ready. */
export function QueueList({ requests, onCancel }: QueueListProps) {
  if (requests.length === 0) return null;
  return (
    <ul className="gr-queue" aria-label="Waiting requests">
      {requests.map((request) => (
        <li key={request.id} data-queue-position={request.position}>
          <span className="gr-number">{request.position}.</span>
          <span className="gr-queue-label">
            {request.label}
            {request.state === "sending" ? " (being sent)" : ""}
          </span>
          <button
            type="button"
            className="gr-link"
            aria-label={`Cancel: ${request.label}`}
            onClick={() => onCancel(request.id)}
          >
            Cancel
          </button>
        </li>
      ))}
    </ul>
  );
}

import type { RefusedReason } from "./queue.ts";

export type QueueErrorCode = "cancelled" | "expired" | "elsewhere" | "uncertain" | RefusedReason;

const MESSAGES: Record<QueueErrorCode, string> = {
  cancelled: "The request was cancelled.",
  expired: "The request's deadline passed.",
  elsewhere: "Another tab sends the request now.",
  uncertain: "The page ended during the request; it may have been carried out.",
  too_many: "Too many requests wait.",
  too_big: "The waiting requests are too large.",
  not_replayable: "The request's body can be read only once.",
};

/** Why a request was given up. `response` is the server's refusal, where there was one. */
export class QueueError extends Error {
  constructor(
    readonly code: QueueErrorCode,
    readonly response: Response | null = null,
  ) {
    super(MESSAGES[code]);
    this.name = "QueueError";
  }
}

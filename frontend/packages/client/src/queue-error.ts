import type { RefusedReason } from "./queue.ts";

export type QueueErrorCode = "cancelled" | "expired" | "elsewhere" | "uncertain" | RefusedReason;

const MESSAGES: Record<QueueErrorCode, string> = {
  cancelled: "The waiting request was cancelled.",
  expired: "The request's deadline passed before it was answered.",
  elsewhere: "Another tab sends this request now.",
  uncertain: "The page ended while the request was under way; it may have been carried out.",
  too_many: "Too many requests wait already; this one was not kept.",
  too_big: "The waiting requests are too large together; this one was not kept.",
  not_replayable: "The request's body can be read only once, so it cannot wait.",
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

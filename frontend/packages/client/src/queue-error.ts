import type { RefusedReason } from "./queue.ts";

/**
 * - `cancelled`: by `queue.cancel`.
 * - `expired`: its deadline passed, or it waited for `maxAgeMs`.
 * - `too_many`, `too_big`: the server refused it, and the queue's bounds leave no room for it.
 * - `not_replayable`: its body can be read only once, so it cannot wait.
 * - `elsewhere`: another tab has taken it over, and tells its result there.
 * - `uncertain`: its page ended while it was under way; it may have been carried out.
 */
export type QueueErrorCode = "cancelled" | "expired" | "elsewhere" | "uncertain" | RefusedReason;

/** Why a request was given up. `response` is the server's refusal, where there was one. */
export class QueueError extends Error {
  constructor(
    readonly code: QueueErrorCode,
    readonly response: Response | null = null,
  ) {
    // The code says it all; a table of sentences would be a tenth of the queue's size.
    super(`The request was given up: ${code.replace("_", " ")}.`);
    this.name = "QueueError";
  }
}

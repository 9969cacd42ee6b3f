/** The Greenroom protocol for browsers: one line to the server, one store of snapshots, one queue of requests. */
export { browserSeams } from "./browser";
export type { Remaining } from "./countdown";
export { createGreenroom, type Greenroom, type GreenroomOptions } from "./greenroom";
export { closeVerdict, createLink, type Link, type LinkOptions, type LinkStatus } from "./link";
export { LINK_TABLE, type LinkEvent, type LinkState, nextLinkState } from "./link-table";
export { asSnapshot, parseMessage, type ServerMessage } from "./messages";
export * from "./protocol.gen";
export { DEFAULT_QUEUE_LIMITS, type QueueEntry, type QueueLimits, type RefusedReason } from "./queue";
export type { Explanation, ReadinessView } from "./readiness";
export {
  createReadyFetch,
  type QueuedRequest,
  QueueError,
  type QueueErrorCode,
  type QueueEvent,
  type QueueEventName,
  type ReadyFetch,
  type ReadyFetchOptions,
  type ReadyRequestInit,
  type RequestQueue,
} from "./ready-fetch";
export type {
  Clock,
  Fetch,
  OpenSocket,
  PageSignals,
  Random,
  Seams,
  Socket,
  SocketEvents,
  Timers,
} from "./seams";
export { createReadinessStore, type ReadinessStore } from "./store";

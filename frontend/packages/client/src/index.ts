/** The Greenroom protocol for browsers: one line to the server, one store of snapshots, one queue of requests. */
export { browserSeams } from "./browser.ts";
export {
  AcceptedError,
  CallError,
  type Caller,
  type CallOptions,
  type EmbedAnswer,
  type EmbedRequest,
  embed,
  type PredictCall,
  type PreviewAnswer,
  type PreviewRequest,
  predict,
  previewPrompt,
  type RankedPair,
} from "./calls.ts";
export type { Remaining } from "./countdown.ts";
export { createGreenroom, type Greenroom, type GreenroomOptions } from "./greenroom.ts";
export { closeVerdict } from "./line.ts";
export { createLink, type Link, type LinkOptions } from "./link.ts";
export type { LinkStatus } from "./link-status.ts";
export { LINK_TABLE, type LinkEvent, type LinkState, nextLinkState } from "./link-table.ts";
export { asSnapshot, parseMessage, type ServerMessage } from "./messages.ts";
export * from "./protocol.gen.ts";
export { DEFAULT_QUEUE_LIMITS, type QueueEntry, type QueueLimits, type RefusedReason } from "./queue.ts";
export { QueueError, type QueueErrorCode } from "./queue-error.ts";
export type { Explanation, ReadinessView } from "./readiness.ts";
export {
  createReadyFetch,
  type ReadyFetch,
  type ReadyFetchOptions,
  type ReadyRequestInit,
  type ReadyRoom,
} from "./ready-fetch.ts";
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
} from "./seams.ts";
export type { Shelf, ShelfDoor } from "./shelf.ts";
export { createReadinessStore, type ReadinessStore } from "./store.ts";
export type { QueuedRequest, QueueEvent, QueueEventName, RequestQueue } from "./waiting-room.ts";

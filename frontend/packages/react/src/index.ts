/** Readiness in React: a provider, hooks, one card, and the card's behaviour without its looks. */
export {
  GreenroomProvider,
  type GreenroomProviderProps,
  useGreenroom,
} from "./context.tsx";
export type { Diagnostics } from "./diagnostics.ts";
export { createFormat, type Format } from "./format.ts";
export { type RequestQueueView, useModelReadiness, useRequestQueue, useWaitHint } from "./hooks.ts";
export { ModelLoadingOverlay, type ModelLoadingOverlayProps, type Slot } from "./ModelLoadingOverlay.tsx";
export { ENGLISH, type Messages, type Subject } from "./messages.ts";
export type { ReadyNotice } from "./ready-notice.ts";
export type { Retry } from "./retry.ts";
export { type OverlayState, overlayState } from "./states.ts";
export { type Overlay, type OverlayOptions, useOverlay } from "./useOverlay.ts";
export type { Words } from "./words.ts";

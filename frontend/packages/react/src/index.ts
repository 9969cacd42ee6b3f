/** Readiness in React: a provider, hooks, one card, and the card's behaviour without its looks. */
export {
  GreenroomProvider,
  type GreenroomProviderProps,
  useGreenroom,
} from "./context.tsx";
export { ENGLISH, type Messages } from "./english.ts";
export { createFormat, type Format } from "./format.ts";
export { useWaitHint } from "./hint.ts";
export { type RequestQueueView, type Retry, useModelReadiness, useRequestQueue } from "./hooks.ts";
export {
  type FrameProps,
  ModelLoadingOverlay,
  type ModelLoadingOverlayProps,
  type Slot,
} from "./ModelLoadingOverlay.tsx";
export type { Subject } from "./messages.ts";
export { type OverlayState, overlayState } from "./states.ts";
export { type Overlay, type OverlayOptions, useOverlay } from "./useOverlay.ts";
export type { Words } from "./words.ts";

/** Readiness in React: a provider, two hooks, one card. */
export { GreenroomProvider, type GreenroomProviderProps, useGreenroom } from "./context";
export { type RequestQueueView, useModelReadiness, useRequestQueue } from "./hooks";
export { ModelLoadingOverlay, type ModelLoadingOverlayProps } from "./ModelLoadingOverlay";
export { bytes, duration, ENGLISH, type Labels, type OverlayState, overlayState } from "./words";

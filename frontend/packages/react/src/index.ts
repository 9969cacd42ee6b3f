/** Readiness in React: a provider, two hooks, one card. */
export { GreenroomProvider, type GreenroomProviderProps, useGreenroom } from "./context.tsx";
export { type RequestQueueView, useModelReadiness, useRequestQueue } from "./hooks.ts";
export { ModelLoadingOverlay, type ModelLoadingOverlayProps } from "./ModelLoadingOverlay.tsx";
export { bytes, duration, ENGLISH, type Labels, type OverlayState, overlayState } from "./words.ts";

import type { ReactNode } from "react";
import type { OverlayState } from "./words.ts";

/** Drawn here, so that the card needs no font and no request. */
export function PhaseIcon({ state, phase }: { state: OverlayState; phase: string }) {
  return (
    <svg className="gr-icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {shape(state, phase)}
    </svg>
  );
}

function shape(state: OverlayState, phase: string): ReactNode {
  if (state === "ready") return <path d="M5 12.5l4.5 4.5L19 7.5" />;
  if (state === "failed") return <path d="M12 7v6m0 3.5v.5M12 3l9.5 17h-19z" />;
  if (state === "offline" || state === "reconnecting") {
    return <path d="M3 9.5a13 13 0 0 1 18 0M6.5 13a8 8 0 0 1 11 0M10 16.5a3 3 0 0 1 4 0M4 4l16 16" />;
  }
  if (state === "stalled") return <path d="M12 7v5.5l3.5 2M12 3a9 9 0 1 0 .01 0" />;
  if (phase === "downloading") return <path d="M12 4v11m-4.5-4.5L12 15l4.5-4.5M5 19.5h14" />;
  if (phase === "finalizing")
    return <path d="M12 3v4m0 10v4M3 12h4m10 0h4M6 6l2.5 2.5m7 7L18 18M18 6l-2.5 2.5m-7 7L6 18" />;
  return <path className="gr-spin" d="M12 3a9 9 0 1 1-9 9" />;
}

import type { Subject } from "./messages.ts";

/** Drawn here, so that the card needs no font and no request. */
const CLOCK = "M12 7.5v5l3 2M12 3.5a8.5 8.5 0 1 0 .01 0";
const LOST =
  "M3.5 9.5a12.5 12.5 0 0 1 17 0M7 13.2a7.5 7.5 0 0 1 10 0M10.3 16.8a2.7 2.7 0 0 1 3.4 0M4.5 4.5l15 15";
const TURN = "M12 3.5A8.5 8.5 0 1 1 3.5 12";
const PATHS: Record<Subject, string> = {
  connecting: TURN,
  queued: CLOCK,
  downloading: "M12 4v11m-4.5-4.5L12 15l4.5-4.5M5 19.5h14",
  loading: TURN,
  finalizing: "M12 3.5l2 6.5 6.5 2-6.5 2-2 6.5-2-6.5-6.5-2 6.5-2z",
  ready: "M5 12.5l4.5 4.5L19 7.5",
  failed: "M12 8.5v5m0 3.2v.1M12 3.5l9 16.5H3z",
  stalled: CLOCK,
  reconnecting: LOST,
  draining: "M4 12a8 8 0 0 1 14-5.3L20 9m0-5v5h-5M20 12a8 8 0 0 1-14 5.3L4 15m0 5v-5h5",
  offline: LOST,
};

export function PhaseIcon({ subject }: { subject: Subject }) {
  const path = PATHS[subject];
  return (
    <svg className="gr-icon" viewBox="0 0 24 24" aria-hidden="true">
      <path className={path === TURN ? "gr-spin" : ""} d={path} />
    </svg>
  );
}

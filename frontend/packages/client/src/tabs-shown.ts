import type { LinkOptions } from "./link.ts";
import { IDLE, type LinkStatus } from "./link-status.ts";
import type { InitState } from "./protocol.gen.ts";

/** What this tab shows, whoever it was that heard it from the server. It outlives every change of the leader. */
export interface Shown {
  status(): LinkStatus;
  snapshot(): InitState | null;
  take(snapshot: InitState): void;
  /** Whether that was news. */
  setStatus(status: LinkStatus): boolean;
}

export function createShown(options: LinkOptions): Shown {
  let status: LinkStatus = IDLE;
  let snapshot: InitState | null = null;
  return {
    status: () => status,
    snapshot: () => snapshot,
    take(next) {
      snapshot = next;
      options.onSnapshot(next);
    },
    setStatus(next) {
      if (next.state === status.state && next.code === status.code) return false;
      status = next;
      options.onStatus?.(next);
      return true;
    },
  };
}

import type { LinkState } from "./link-table.ts";

export interface LinkStatus {
  state: LinkState;
  /** The close code, 4000 and the HTTP status where a poll was refused for good, or 0 where no server said one. */
  code: number;
  /** Why it stands there, for logs and for people who ask: the server's words, in English, or else the event. */
  reason: string;
}

export const IDLE: LinkStatus = { state: "idle", code: 0, reason: "not started" };

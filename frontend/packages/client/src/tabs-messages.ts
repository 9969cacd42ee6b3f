import type { LinkStatus } from "./link-status.ts";
import { LINK_TABLE } from "./link-table.ts";
import { asSnapshot, isRecord } from "./messages.ts";
import type { InitState } from "./protocol.gen.ts";

/**
 * Tabs of two versions of an app may be open at once. The version is part of the name of lock and channel, so that
 * they never meet: a leader whose words nobody understands would be taken for a frozen one, and robbed. Raise it
 * when a message changes its meaning.
 */
export const TABS_VERSION = 1;

/** `start`: a tab began. `resync`: somebody looks. `state`: it was silent for long; are you there? */
const WANTS = ["start", "resync", "state"] as const;
export type Want = (typeof WANTS)[number];

export type TabWords =
  | { type: "ask"; want: Want }
  /** Everything a tab needs to show the same. `isNew`: said once, by a tab that just came to lead. */
  | {
      type: "state";
      isNew: boolean;
      isHidden: boolean;
      status: LinkStatus;
      snapshot: InitState | null;
    }
  /** What the server said, as text, to be read by the reader that reads the server's own. */
  | { type: "frame"; data: string }
  /** The leader goes. Whoever is next in line may be frozen. */
  | { type: "bye" };

export type TabMessage = TabWords & {
  /** Who says it: one name per tab and life. */
  from: string;
  /** When, by the wall clock that all tabs of a machine share, in milliseconds. */
  at: number;
};

/** `null` for what is not understood. */
export function parseTabMessage(value: unknown): TabMessage | null {
  if (!isRecord(value) || typeof value.from !== "string" || typeof value.at !== "number") return null;
  const { at, from, type } = value;
  if (type === "bye") return { type, at, from };
  const want = WANTS.find((known) => known === value.want);
  if (type === "ask" && want) return { type, at, from, want };
  if (type === "frame" && typeof value.data === "string") return { type, at, from, data: value.data };
  if (type !== "state" || !isStatus(value.status)) return null;
  const { isNew, isHidden, status, snapshot } = value;
  return {
    type,
    at,
    from,
    isNew: isNew === true,
    isHidden: isHidden === true,
    status,
    snapshot: asSnapshot(snapshot),
  };
}

function isStatus(value: unknown): value is LinkStatus {
  return (
    isRecord(value) &&
    Object.hasOwn(LINK_TABLE, String(value.state)) &&
    typeof value.code === "number" &&
    typeof value.reason === "string"
  );
}

import type { JobState } from "@greenroom/client";
import { STATES } from "./words";

export const PAGE_SIZE = 10;

/** Which part of the list is seen. It stands in the page's address, so that a reload keeps it. */
export interface Place {
  status: JobState | undefined;
  skip: number;
}

/** What means nothing is the beginning of all jobs. */
export function readPlace(): Place {
  const query = new URLSearchParams(location.search);
  const status = query.get("status") ?? "";
  const page = Number(query.get("page"));
  const skip = (page - 1) * PAGE_SIZE;
  return {
    status: Object.hasOwn(STATES, status) ? (status as JobState) : undefined,
    skip: Number.isInteger(page) && page > 0 && skip < MAX_SKIP ? skip : 0,
  };
}

const MAX_SKIP = 1_000_000_000;

export function writePlace({ status, skip }: Place): void {
  const address = new URL(location.href);
  const page = skip === 0 ? undefined : String(skip / PAGE_SIZE + 1);
  for (const [name, value] of Object.entries({ status, page }))
    if (value === undefined) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  if (address.href !== location.href) history.replaceState(history.state, "", address);
}

/** Where the last page begins. */
export function lastSkip(total: number): number {
  return Math.floor(Math.max(0, total - 1) / PAGE_SIZE) * PAGE_SIZE;
}

import { createLink, type LinkOptions } from "./link.ts";
import type { LinkStatus } from "./link-status.ts";
import type { TabWords, Want } from "./tabs-messages.ts";
import type { Shown } from "./tabs-shown.ts";

/** The tab that owns the socket: what its link says is shown here and told to the others. */
export interface Leader {
  start(): void;
  /** A follower asks. The answer is given within this very event: only a frozen tab stays silent. */
  answer(want: Want): void;
  /** Says how things stand. */
  tell(isNew?: boolean): void;
  stop(): void;
}

/** How long a successor may show what its predecessor showed, before it admits that it is still connecting. */
const HOLD_MS = 2_000;

/** `isFresh`: what this tab shows is news still, and stays shown while its own socket opens. */
export function createLeader(
  options: LinkOptions,
  shown: Shown,
  post: (words: TabWords) => void,
  isFresh: boolean,
): Leader {
  const { page, timers } = options.seams;
  let snapshot = isFresh ? shown.snapshot() : null;
  let isOver = false;
  let hold: unknown = null;

  const tell = (isNew = false) =>
    post({ type: "state", isNew, isHidden: page.isHidden(), status: shown.status(), snapshot });

  const show = (status: LinkStatus) => {
    timers.clear(hold);
    if (shown.setStatus(status)) tell();
  };

  const link = createLink({
    ...options,
    onSnapshot(next) {
      snapshot = next;
      shown.take(next);
      tell();
    },
    onMessage(message) {
      options.onMessage?.(message);
      post({ type: "frame", data: JSON.stringify(message) });
    },
    onStatus(status) {
      if (isOver) return;
      if (status.state !== "connecting" || !isFresh) return show(status);
      hold = timers.set(() => show(link.status()), HOLD_MS);
    },
  });

  return {
    tell,
    start() {
      link.start();
      tell(true);
    },
    answer(want) {
      tell();
      if (want === "start") link.start();
      const isLive = link.status().state === "live";
      // The asker heard as little as this tab did: time to look at the line. But no question that merely wonders
      // about this tab may hurry attempts on a server that is away, and a new tab need not disturb a good line.
      if (want === "resync" || isLive === (want === "state")) link.resync();
    },
    stop() {
      isOver = true;
      timers.clear(hold);
      link.stop();
    },
  };
}

/**
 * One socket per browser instead of one per tab: `createGreenroom({ createLink: sharedLink() })`.
 *
 * Tabs that show the same server stand in line for a Web Lock. Its holder leads: it runs the real link and tells the
 * others, over a BroadcastChannel, everything that the link says. When it closes, the browser hands the lock to the
 * next in line. When it is frozen it holds the lock and says nothing; then it is asked, and robbed.
 */
import { createLink, type Link, type LinkOptions } from "./link.ts";
import { browserTabSeams, type TabSeams } from "./tabs-seams.ts";
import { createSession, type Session } from "./tabs-session.ts";
import { createShown } from "./tabs-shown.ts";

export {
  browserTabSeams,
  type Channel,
  type LockEvents,
  type OpenChannel,
  type RequestLock,
  type TabSeams,
} from "./tabs-seams.ts";

/** Where the browser has no locks or no channels, each tab has a link of its own. `overrides`: for tests. */
export function sharedLink(overrides: Partial<TabSeams> = {}): (options: LinkOptions) => Link {
  const { requestLock, openChannel, watchAway } = { ...browserTabSeams(), ...overrides };
  if (requestLock === null || openChannel === null) return createLink;
  return (options) => createSharedLink(options, { requestLock, openChannel, watchAway });
}

function createSharedLink(options: LinkOptions, tabs: Parameters<typeof createSession>[1]): Link {
  const shown = createShown(options);
  let session: Session | null = null;
  let stopWatching: (() => void) | null = null;
  const join = () => {
    session ??= createSession(options, tabs, shown);
  };
  const leave = () => {
    session?.end();
    session = null;
  };
  return {
    status: shown.status,
    start() {
      // Refused for good, and asked for again: whoever leads tries once more.
      if (stopWatching) return shown.status().state === "stopped" ? session?.look("start") : undefined;
      shown.setStatus({ state: "connecting", code: 0, reason: "start" });
      stopWatching = tabs.watchAway((isAway) => (isAway ? leave() : join()));
      join();
    },
    stop() {
      if (!stopWatching) return;
      stopWatching();
      stopWatching = null;
      leave();
      if (shown.status().state !== "stopped") shown.setStatus({ state: "stopped", code: 0, reason: "stop" });
    },
    resync: () => session?.look("resync"),
  };
}

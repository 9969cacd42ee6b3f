import type { LinkOptions } from "./link.ts";
import { parseMessage } from "./messages.ts";
import type { Random } from "./seams.ts";
import { createFollower, type Follower } from "./tabs-follower.ts";
import { createLeader, type Leader } from "./tabs-leader.ts";
import { parseTabMessage, TABS_VERSION, type TabMessage, type TabWords, type Want } from "./tabs-messages.ts";
import type { Channel, TabSeams } from "./tabs-seams.ts";
import type { Shown } from "./tabs-shown.ts";

/** One stay of a tab among the others: from `start` or a return out of the cache until `stop` or the next leave. */
export interface Session {
  look(want: Want): void;
  end(): void;
}

type SharingSeams = { [name in keyof TabSeams]: NonNullable<TabSeams[name]> };

export function createSession(options: LinkOptions, tabs: SharingSeams, shown: Shown): Session {
  const { seams } = options;
  const name = sharedName(options.socketUrl);
  const id = newTabId(seams.random);
  const channel = openIfAllowed(tabs, name, receive);
  let release = () => {};
  let leader: Leader | null = null;
  let follower: Follower = newFollower();
  const unsubscribe = seams.page.subscribe(() => {
    if (leader) leader.tell();
    else if (!seams.page.isHidden()) follower.look("resync");
  });

  function post(words: TabWords): void {
    channel?.post({ ...words, from: id, at: seams.clock.now() } satisfies TabMessage);
  }

  function newFollower(): Follower {
    return createFollower(seams, shown, {
      ask: (want) => post({ type: "ask", want }),
      // Locks that never answer must not keep a tab from the server. Should they answer later, one tab robs the rest.
      claim: (isAgain) => (isAgain ? lead() : request(true)),
    });
  }

  function request(steal: boolean): void {
    release();
    release = tabs.requestLock(name, steal, { onGranted: lead, onLost: follow, onRefused: lead });
  }

  function lead(): void {
    if (leader !== null) return;
    follower.stop();
    leader = createLeader(options, shown, post, follower.isFresh());
    leader.start();
  }

  function resign(): void {
    if (leader === null) return;
    leader.stop();
    leader = null;
    post({ type: "bye" });
  }

  function follow(): void {
    resign();
    follower.stop();
    follower = newFollower();
    request(false);
  }

  function receive(data: unknown): void {
    const message = parseTabMessage(data);
    if (message === null) return;
    if (leader === null) return hear(follower, message, options, shown);
    if (message.type === "ask") leader.answer(message.want);
  }

  function look(want: Want): void {
    if (leader) leader.answer(want);
    else follower.look(want);
  }

  if (channel) {
    request(false);
    look("start");
  } else lead();

  return {
    look,
    end() {
      unsubscribe();
      follower.stop();
      resign();
      channel?.close();
      release();
    },
  };
}

/** Shows what the leader says. */
function hear(follower: Follower, message: TabMessage, options: LinkOptions, shown: Shown): void {
  if (message.type === "ask") return;
  if (message.type === "bye") return follower.leave(message.from);
  if (!follower.hear(message.from, message.at, message.type === "state" && message.isNew)) return;
  if (message.type === "frame") {
    const frame = parseMessage(message.data);
    if (frame !== null) options.onMessage?.(frame);
    return;
  }
  const { snapshot, status, isHidden } = message;
  const known = shown.snapshot();
  if (snapshot && (snapshot.epoch !== known?.epoch || snapshot.seq !== known.seq)) shown.take(snapshot);
  shown.setStatus(status);
  follower.setLeaderHidden(isHidden);
}

/** One per server and set of models: the address of the socket without the label that is this tab's own. */
function sharedName(socketUrl: string): string {
  const { origin, pathname, searchParams } = new URL(socketUrl);
  const models = searchParams.get("models")?.split(",").sort() ?? "";
  return `greenroom/${TABS_VERSION} ${origin}${pathname.replace(/[^/]*$/, "")}?${models}`;
}

function newTabId(random: Random): string {
  return `${random()}`.slice(2);
}

function openIfAllowed(tabs: SharingSeams, name: string, receive: (data: unknown) => void): Channel | null {
  try {
    return tabs.openChannel(name, receive);
  } catch {
    return null;
  }
}

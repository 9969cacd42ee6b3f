import type { Fetch, OpenSocket, PageSignals, Seams, Timers } from "./seams.ts";
import type { LockEvents, OpenChannel, RequestLock, TabSeams } from "./tabs-seams.ts";

/**
 * Tabs of one browser in one test: they share locks and channels, and each of them can be frozen or vanish.
 *
 *     const browser = createFakeBrowser();
 *     const { page, address } = server.openPage();
 *     const tab = browser.openTab(address.seams);
 *     createGreenroom({ ...address, seams: tab.seams, createLink: sharedLink(tab.shared) }).start();
 */
export interface FakeBrowser {
  /** `seams`: what the tab would have if it could not be frozen. */
  openTab(seams: Seams): FakeTab;
}

export interface FakeTab {
  seams: Seams;
  /** For `sharedLink`. */
  shared: TabSeams;
  /** Nothing reaches the page any more: no timer, no message, no lock. */
  freeze(): void;
  /** What waited comes now, in the order in which it came. */
  thaw(): void;
  /** The page is told that it goes: it is closed, or put aside. */
  leave(): void;
  /** The page is told that it is back. */
  comeBack(): void;
  /** The tab is gone without a word. Its sockets close, its locks are free. */
  crash(): void;
}

/** Whether the events of one tab come now, later or never. */
interface Gate {
  isGone: boolean;
  isFrozen: boolean;
  backlog: (() => void)[];
  onGone: Set<() => void>;
}

interface Request {
  gate: Gate;
  events: LockEvents;
}

interface Post {
  gate: Gate;
  onMessage(data: unknown): void;
}

export function createFakeBrowser(): FakeBrowser {
  const locks = new Map<string, Request[]>();
  const channels = new Map<string, Set<Post>>();
  return {
    openTab(seams) {
      const gate: Gate = { isGone: false, isFrozen: false, backlog: [], onGone: new Set() };
      const life = new Set<(isAway: boolean) => void>();
      const tell = (isAway: boolean) => {
        for (const listener of [...life]) pass(gate, () => listener(isAway));
      };
      return {
        seams: gatedSeams(gate, seams),
        shared: {
          requestLock: fakeLocks(gate, locks),
          openChannel: fakeChannels(gate, channels),
          watchAway: (listener) => subscribed(life, listener),
        },
        leave: () => tell(true),
        comeBack: () => tell(false),
        ...fates(gate),
      };
    },
  };
}

function subscribed<Listener>(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function fates(gate: Gate): Pick<FakeTab, "freeze" | "thaw" | "crash"> {
  return {
    freeze() {
      gate.isFrozen = true;
    },
    thaw() {
      gate.isFrozen = false;
      for (const event of gate.backlog.splice(0)) pass(gate, event);
    },
    crash() {
      gate.isGone = true;
      for (const end of [...gate.onGone]) end();
    },
  };
}

function pass(gate: Gate, event: () => void): void {
  if (gate.isGone) return;
  if (gate.isFrozen) gate.backlog.push(event);
  else event();
}

function later(gate: Gate, event: () => void): void {
  queueMicrotask(() => pass(gate, event));
}

function gatedSeams(gate: Gate, seams: Seams): Seams {
  return {
    ...seams,
    timers: gatedTimers(gate, seams.timers),
    openSocket: gatedSockets(gate, seams.openSocket),
    fetch: gatedFetch(gate, seams.fetch),
    page: gatedPage(gate, seams.page),
  };
}

/** A handle of its own: a timer that came due while frozen can still be cleared. */
function gatedTimers(gate: Gate, timers: Timers): Timers {
  const set = new Map<object, () => void>();
  const forget = (alarm: object) => {
    const end = set.get(alarm);
    set.delete(alarm);
    if (end) gate.onGone.delete(end);
    return end;
  };
  return {
    set(callback, milliseconds) {
      const alarm = {};
      const due = () => pass(gate, () => forget(alarm) && callback());
      const handle = timers.set(due, milliseconds);
      const end = () => timers.clear(handle);
      set.set(alarm, end);
      gate.onGone.add(end);
      return alarm;
    },
    clear: (alarm) => forget(alarm as object)?.(),
  };
}

function gatedSockets(gate: Gate, openSocket: OpenSocket): OpenSocket {
  return (url, subprotocol, events) => {
    const socket = openSocket(url, subprotocol, {
      onMessage: (data) => pass(gate, () => gate.onGone.has(close) && events.onMessage(data)),
      onClose: (code, reason) => pass(gate, () => gate.onGone.has(close) && events.onClose(code, reason)),
    });
    const close = () => {
      gate.onGone.delete(close);
      socket.close();
    };
    gate.onGone.add(close);
    return { close };
  };
}

function gatedFetch(gate: Gate, fetch: Fetch): Fetch {
  return (input, init) =>
    new Promise((resolve, reject) => {
      fetch(input, init).then(
        (response) => pass(gate, () => resolve(response)),
        (error) => pass(gate, () => reject(error)),
      );
    });
}

function gatedPage(gate: Gate, page: PageSignals): PageSignals {
  return { ...page, subscribe: (onChange) => page.subscribe(() => pass(gate, onChange)) };
}

/** The first in the list holds the lock; the browser grants also to a tab that is frozen. */
function fakeLocks(gate: Gate, locks: Map<string, Request[]>): RequestLock {
  return (name, steal, events) => {
    const line = locks.get(name) ?? [];
    locks.set(name, line);
    const request: Request = { gate, events };
    const grant = (granted: Request | undefined) =>
      granted && later(granted.gate, () => granted.events.onGranted());
    const robbed = steal ? line.shift() : undefined;
    if (robbed) later(robbed.gate, () => robbed.events.onLost());
    if (steal) line.unshift(request);
    else line.push(request);
    if (line[0] === request) grant(request);
    const release = () => {
      gate.onGone.delete(release);
      request.events = SILENT;
      const place = line.indexOf(request);
      if (place >= 0) line.splice(place, 1);
      if (place === 0) grant(line[0]);
    };
    gate.onGone.add(release);
    return release;
  };
}

const SILENT: LockEvents = { onGranted() {}, onLost() {}, onRefused() {} };

function fakeChannels(gate: Gate, channels: Map<string, Set<Post>>): OpenChannel {
  return (name, onMessage) => {
    const posts = channels.get(name) ?? new Set<Post>();
    channels.set(name, posts);
    const own: Post = { gate, onMessage };
    posts.add(own);
    const close = () => {
      gate.onGone.delete(close);
      posts.delete(own);
    };
    gate.onGone.add(close);
    return {
      close,
      post(message) {
        if (!posts.has(own)) throw new Error("The channel is closed.");
        for (const post of posts) {
          const copy = structuredClone(message);
          if (post !== own) later(post.gate, () => posts.has(post) && post.onMessage(copy));
        }
      },
    };
  };
}

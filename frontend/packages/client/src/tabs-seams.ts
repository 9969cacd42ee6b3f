/**
 * What tabs of one browser need to agree: a lock that one of them holds, a channel that all of them hear, and the
 * word that a page is about to stand still. The browser's own are `navigator.locks` and `BroadcastChannel`; both are
 * same-origin, and nothing secret goes over them.
 */
export interface LockEvents {
  onGranted(): void;
  /** Another tab took it away by force, perhaps before this one knew that it was granted. */
  onLost(): void;
  /** No lock can be had here, ever: a sandboxed frame, storage that is forbidden. */
  onRefused(): void;
}

/** Waits in line for the lock, or with `steal` takes it at once. Returns how to give up the place or the lock. */
export type RequestLock = (name: string, steal: boolean, events: LockEvents) => () => void;

export interface Channel {
  /** Reaches every other tab's channel of that name, never this one. */
  post(message: unknown): void;
  close(): void;
}

/** Raises where channels are forbidden. */
export type OpenChannel = (name: string, onMessage: (data: unknown) => void) => Channel;

export interface TabSeams {
  /** `null`, as is `openChannel`, where the browser has none: an insecure origin, an old Safari, a server. */
  requestLock: RequestLock | null;
  openChannel: OpenChannel | null;
  /** Tells that the page goes (closed, into the back-forward cache, frozen) and that it is back. */
  watchAway(onChange: (isAway: boolean) => void): () => void;
}

export function browserTabSeams(): TabSeams {
  return {
    requestLock: globalThis.navigator?.locks ? requestWebLock : null,
    openChannel: typeof BroadcastChannel === "function" ? openBroadcastChannel : null,
    watchAway: watchPageLife,
  };
}

const requestWebLock: RequestLock = (name, steal, events) => {
  const waiting = new AbortController();
  let isOver = false;
  let release = () => {};
  const hold = () =>
    new Promise<void>((resolve) => {
      if (isOver) return resolve();
      release = resolve;
      events.onGranted();
    });
  const fail = (error: unknown) => {
    if (isOver) return;
    isOver = true;
    if (error instanceof DOMException && error.name === "AbortError") events.onLost();
    else events.onRefused();
  };
  // A theft cannot be called off (a signal beside `steal` is an error), but what it brings can be let go of at once.
  navigator.locks.request(name, steal ? { steal } : { signal: waiting.signal }, hold).catch(fail);
  return () => {
    isOver = true;
    waiting.abort();
    release();
  };
};

const openBroadcastChannel: OpenChannel = (name, onMessage) => {
  const channel = new BroadcastChannel(name);
  channel.onmessage = (message) => onMessage(message.data);
  return {
    post: (message) => channel.postMessage(message),
    close: () => channel.close(),
  };
};

/** An open lock, channel or socket keeps a page out of the back-forward cache, and a frozen page serves nobody. */
function watchPageLife(onChange: (isAway: boolean) => void): () => void {
  if (typeof window === "undefined") return () => {};
  const leave = () => onChange(true);
  const comeBack = () => onChange(false);
  const events = [
    [window, "pagehide", leave],
    [window, "pageshow", comeBack],
    [document, "freeze", leave],
    [document, "resume", comeBack],
  ] as const;
  for (const [target, name, listener] of events) target.addEventListener(name, listener);
  return () => {
    for (const [target, name, listener] of events) target.removeEventListener(name, listener);
  };
}

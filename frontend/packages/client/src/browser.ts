import type { OpenSocket, PageSignals, Seams } from "./seams.ts";

/** The browser's own clock, timers, sockets and page events. The only file here that knows a browser. */
export function browserSeams(): Seams {
  return {
    clock: { now: () => Date.now() },
    timers: {
      set: (callback, milliseconds) => setTimeout(callback, milliseconds),
      clear: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
    },
    random: Math.random,
    fetch: (input, init) => globalThis.fetch(input, init),
    openSocket: openWebSocket,
    page: pageSignals,
  };
}

const LET_CONNECT_MS = 1_000;

const openWebSocket: OpenSocket = (url, subprotocol, events) => {
  const socket = new WebSocket(url, subprotocol);
  socket.onmessage = (message) => events.onMessage(message.data);
  socket.onclose = (closed) => events.onClose(closed.code, closed.reason);
  return {
    close() {
      socket.onmessage = null;
      socket.onclose = null;
      if (socket.readyState !== WebSocket.CONNECTING) return socket.close(1000);
      // Closing while it connects prints a red line in the console of every page that unmounts early. But browsers
      // shake hands with a server one socket at a time: one that a proxy swallowed would keep all later ones waiting.
      socket.onopen = () => socket.close(1000);
      setTimeout(() => socket.close(1000), LET_CONNECT_MS);
    },
  };
};

const PAGE_EVENTS = ["online", "offline", "pageshow", "visibilitychange"];

const pageSignals: PageSignals = {
  isOnline: () => globalThis.navigator?.onLine !== false,
  isHidden: () => globalThis.document?.hidden === true,
  subscribe(onChange) {
    if (typeof window === "undefined") return () => {};
    // `visibilitychange` bubbles up to the window.
    for (const name of PAGE_EVENTS) window.addEventListener(name, onChange);
    return () => {
      for (const name of PAGE_EVENTS) window.removeEventListener(name, onChange);
    };
  },
};

import type { PageSignals } from "./seams.ts";

/** What the browser tells about its tab. Each verb also sends the event that a browser would send. */
export interface FakePage {
  readonly signals: PageSignals;
  hide(): void;
  show(): void;
  /** The browser believes that the device has no network. The network itself is another matter. */
  goOffline(): void;
  goOnline(): void;
  /** Out of the back-forward cache (`pageshow`), nothing else changed. */
  comeBack(): void;
}

export function createFakePage(): FakePage {
  const listeners = new Set<() => void>();
  let isHidden = false;
  let isOnline = true;
  const tell = () => {
    for (const listener of [...listeners]) listener();
  };
  return {
    signals: {
      isHidden: () => isHidden,
      isOnline: () => isOnline,
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    hide() {
      isHidden = true;
      tell();
    },
    show() {
      isHidden = false;
      tell();
    },
    goOffline() {
      isOnline = false;
      tell();
    },
    goOnline() {
      isOnline = true;
      tell();
    },
    comeBack: tell,
  };
}

import { useEffect, useState } from "react";

export interface ReadyNotice {
  isWanted: boolean;
  /** From a click: the browser asks about notifications then, and at no other time. */
  ask(): void;
}

/** Tells somebody who looks elsewhere: by the page's title, and by a notification where that is allowed. */
export function useReadyNotice(isReady: boolean, text: string): ReadyNotice {
  const [isWanted, setIsWanted] = useState(false);
  useEffect(() => {
    if (!isReady || !isWanted) return;
    setIsWanted(false);
    if (document.hidden) tell(text);
  }, [isReady, isWanted, text]);
  return {
    isWanted,
    ask() {
      setIsWanted(true);
      // Absent on plain http:// addresses and in embedded browsers; Safari before 15 gives no promise.
      void globalThis.Notification?.requestPermission?.();
    },
  };
}

function tell(text: string) {
  const { title } = document;
  document.title = `✓ ${text} – ${title}`;
  const restore = () => {
    document.title = title;
  };
  document.addEventListener("visibilitychange", restore, { once: true });
  try {
    if (Notification.permission === "granted") new Notification(title || text, { body: text });
  } catch {
    // Android's Chrome wants a service worker for it. The title has told already.
  }
}

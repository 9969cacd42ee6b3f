import { useEffect, useState } from "react";
import type { OverlayState } from "./states.ts";

/** What is ready by then needs no card. */
const SHOW_AFTER_MS = 400;
/** A line that comes back within 1.2 s in all is not worth a word to somebody who can work. */
const LOST_GRACE_MS = 800;
/** "Ready" stays as long for those who saw the card; so no card is ever shown for less than 0.4 s. */
const READY_NOTE_MS = 2_500;

/** Whether the card is there: it comes late, and it stays for a word when all is well. */
export function useIsShown(state: OverlayState): boolean {
  const [isShown, setIsShown] = useState(false);
  const isOver = state === "ready";
  useEffect(() => {
    const timer = setTimeout(setIsShown, isOver ? READY_NOTE_MS : SHOW_AFTER_MS, !isOver);
    return () => clearTimeout(timer);
  }, [isOver]);
  return isShown;
}

/** While everything answered, a short gap in the line is kept to ourselves. */
export function useCalmState(state: OverlayState, isReady: boolean): OverlayState {
  const isGap = isReady && state !== "ready";
  const [isLong, setIsLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(setIsLong, isGap ? LOST_GRACE_MS : 0, isGap);
    return () => clearTimeout(timer);
  }, [isGap]);
  return isGap && !isLong ? "ready" : state;
}

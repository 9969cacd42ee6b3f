import { useEffect, useRef } from "react";

/** Several wishes at once are one act; and while they keep coming, there is one in so long. */
const GATHER_MS = 300;
const ACT_EVERY_MS = 1_000;

/** Acts a moment after the first wish, and at a steady pace while there are more, but not while it is busy. */
export function useSoon(act: () => void, isBusy: () => boolean): () => void {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const isWanted = useRef(false);
  const latest = useRef({ act, isBusy });
  latest.current = { act, isBusy };
  function run() {
    timer.current = undefined;
    if (!isWanted.current) return;
    timer.current = setTimeout(run, ACT_EVERY_MS);
    if (latest.current.isBusy()) return;
    isWanted.current = false;
    latest.current.act();
  }
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );
  return () => {
    isWanted.current = true;
    timer.current ??= setTimeout(run, GATHER_MS);
  };
}

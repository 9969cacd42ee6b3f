import type { JobAnswer } from "@greenroom/client";
import { useEffect, useState } from "react";

/** The server's estimate, counted down until its next one, never less than a second; nothing while it is not heard of. */
export function useSecondsLeft({ estimated_seconds, done }: JobAnswer, isAway: boolean): number | null {
  const [passed, setPassed] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the same number after more work is another estimate.
  useEffect(() => {
    setPassed(0);
    if (estimated_seconds === null || isAway) return;
    const begun = Date.now();
    let timer: ReturnType<typeof setTimeout>;
    const tick = () => {
      setPassed(Math.floor((Date.now() - begun) / 1_000));
      timer = setTimeout(tick, 1_000);
    };
    timer = setTimeout(tick, 1_000);
    return () => clearTimeout(timer);
  }, [estimated_seconds, done, isAway]);
  return estimated_seconds === null || isAway ? null : Math.max(1, estimated_seconds - passed);
}

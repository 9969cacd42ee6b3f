import type { JobAnswer } from "@greenroom/client";
import { useEffect, useState } from "react";

/** The server's estimate, counted down until its next one; never less than a second. */
export function useSecondsLeft({ estimated_seconds, done }: JobAnswer): number | null {
  const [passed, setPassed] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the same number after more work is another estimate.
  useEffect(() => {
    setPassed(0);
    if (estimated_seconds === null) return;
    const begun = Date.now();
    let timer: ReturnType<typeof setTimeout>;
    const tick = () => {
      setPassed(Math.floor((Date.now() - begun) / 1_000));
      timer = setTimeout(tick, 1_000);
    };
    timer = setTimeout(tick, 1_000);
    return () => clearTimeout(timer);
  }, [estimated_seconds, done]);
  return estimated_seconds === null ? null : Math.max(1, estimated_seconds - passed);
}

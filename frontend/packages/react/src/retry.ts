import type { ReadinessView } from "@greenroom/client";
import { useState } from "react";
import { useGreenroom } from "./context.tsx";
import { isRefused } from "./states.ts";

export interface Retry {
  /** `null` where there is nothing to try again. */
  run: (() => Promise<void>) | null;
  isAsking: boolean;
  /** Why the last press did not help, in the server's words. */
  problem: string | null;
}

/** The way out of a failure: the server is asked to load the model again, or a refused line is opened again. */
export function useRetry(view: ReadinessView): Retry {
  const { retryModel, start } = useGreenroom();
  const [isAsking, setIsAsking] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const name = view.failedModel;

  async function ask(model: string) {
    setIsAsking(true);
    setProblem(null);
    try {
      await retryModel(model);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
    setIsAsking(false);
  }

  const run = isRefused(view) ? async () => start() : name === null ? null : () => ask(name);
  return { run, isAsking, problem };
}

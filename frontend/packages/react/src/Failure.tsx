import type { ReadinessView } from "@greenroom/client";
import { useState } from "react";
import { useGreenroom } from "./context.tsx";
import { duration } from "./words.ts";

/** The way out of a failed load: when the server tries again by itself, and a button to ask for it now. */
export function Failure({ view }: { view: ReadinessView }) {
  const { retryModel } = useGreenroom();
  const [asked, setAsked] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const name = view.failedModel;

  async function tryAgain(model: string) {
    setAsked(true);
    setProblem(null);
    try {
      await retryModel(model);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setAsked(false);
    }
  }

  return (
    <div className="gr-failure">
      {view.retryInSeconds !== null && (
        <p className="gr-quiet">Next try by itself in {duration(view.retryInSeconds)}.</p>
      )}
      {name !== null && (
        <button type="button" className="gr-button" disabled={asked} onClick={() => void tryAgain(name)}>
          {asked ? "Asking…" : "Try again"}
        </button>
      )}
      {problem !== null && <p role="alert">{problem}</p>}
    </div>
  );
}

import type { ModelReport } from "@greenroom/client";
import { clockTime, sentence } from "./words";

/** A followed source that gives no answer: what serves goes on, but nothing new comes. */
export function SourceTrouble({ look }: { look: ModelReport["source_look"] }) {
  if (look === null || look.error === null) return null;
  return (
    <p className="notice warn">
      <b>The source gives no answer</b> since {clockTime(look.failing_since ?? look.at)}:{" "}
      {sentence(look.error.message)} What serves goes on.
    </p>
  );
}

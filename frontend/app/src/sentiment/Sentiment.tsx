import { ModelLoadingOverlay, useModelReadiness } from "@greenroom/react";
import { extras } from "@greenroom/react/extras";
import { useId, useState } from "react";
import { useDraft } from "../draft";
import { Masthead } from "../Masthead";
import { EXAMPLES } from "./examples";
import { Notice } from "./Notice";
import { ReadingResult } from "./ReadingResult";
import { MODEL, useReading } from "./useReading";

const SCOPE = [MODEL];

export function Sentiment() {
  const [text, setText] = useDraft("sentiment");
  const { state, reading, askAgain } = useReading(text.trim());
  const isKnown = useIsKnown();
  const isWanted = state.kind === "asking" || reading !== null;
  return (
    <>
      <Masthead page="sentiment" />
      <main>
        <h1>Sentiment</h1>
        <p className="lead">
          Write a text and see, while you write, whether it sounds positive, neutral or negative.
        </p>
        <div className="panel">
          <TextField text={text} onChange={setText} />
          <Notice state={state} isKnown={isKnown} hasAnswer={reading !== null} onAskAgain={askAgain} />
        </div>
        {reading !== null && <ReadingResult reading={reading} isReplacing={state.kind === "asking"} />}
        <GoodFor />
      </main>
      {isKnown && <Card isWanted={isWanted} />}
    </>
  );
}

/** The server says at once when it has no such model, on the line that follows it. */
function useIsKnown(): boolean {
  const { link } = useModelReadiness(SCOPE);
  return !(link.state === "stopped" && link.code === 4_404);
}

/** The model loads on first use: before that there is nothing to tell. */
function Card({ isWanted }: { isWanted: boolean }) {
  const { phase } = useModelReadiness(SCOPE);
  if (phase === "queued" && !isWanted) return null;
  return <ModelLoadingOverlay scope={SCOPE}>{extras}</ModelLoadingOverlay>;
}

function TextField({ text, onChange }: { text: string; onChange(text: string): void }) {
  const [shown, setShown] = useState(0);
  const ids = { text: useId(), hint: useId() };
  function example() {
    onChange(EXAMPLES[shown % EXAMPLES.length] ?? "");
    setShown(shown + 1);
  }
  return (
    <>
      <div className="label-row">
        <label htmlFor={ids.text}>Your text</label>
        <button type="button" className="plain" onClick={example}>
          Use an example
        </button>
      </div>
      <textarea
        id={ids.text}
        rows={4}
        maxLength={10_000}
        aria-describedby={ids.hint}
        placeholder="How was it?"
        value={text}
        onChange={(event) => onChange(event.target.value)}
      />
      <p id={ids.hint} className="hint">
        Read a moment after you stop writing. Nothing needs to be pressed.
      </p>
    </>
  );
}

function GoodFor() {
  return (
    <p className="hint good-for">
      Made for short English texts: reviews, feedback, support mail. The model that ships with Greenroom
      labels about four in five that it has not seen as a person did; irony and mixed feelings mislead it. A
      score says how sure it is, not how strong the feeling is.
    </p>
  );
}

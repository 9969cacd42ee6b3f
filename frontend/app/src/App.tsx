import { ModelLoadingOverlay } from "@greenroom/react";
import { extras } from "@greenroom/react/extras";
import { EarlierResults } from "./EarlierResults";
import { GoldenPairs } from "./GoldenPairs";
import type { Kept } from "./kept";
import { Masthead } from "./Masthead";
import { PreviewForm } from "./PreviewForm";
import { PreviewResult } from "./PreviewResult";
import { usePreview } from "./usePreview";
import { WhileWaiting } from "./WhileWaiting";

export function App({ kept }: { kept?: Kept }) {
  const { state, current, earlier, ask, cancel } = usePreview(kept);
  return (
    <>
      <Masthead page="" />
      <main>
        <h1>RFQ preview</h1>
        <p className="lead">
          Describe what you want quoted. You see the past requests closest in meaning, and the prompt built
          from them.
        </p>
        <PreviewForm state={state} onAsk={(text, k) => void ask(text, k)} onCancel={cancel} />
        {current !== null && <PreviewResult answer={current} isReplacing={state.kind === "asking"} />}
        <EarlierResults answers={earlier} />
        <GoldenPairs />
      </main>
      <ModelLoadingOverlay>
        {(overlay) => (
          <>
            <WhileWaiting hasEarlier={earlier.length > 0} />
            {extras(overlay)}
          </>
        )}
      </ModelLoadingOverlay>
    </>
  );
}

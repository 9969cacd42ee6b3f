import type { RankedPair } from "@greenroom/client";
import { useEffect, useRef, useState } from "react";
import type { Answer } from "./earlier";

interface PreviewResultProps {
  answer: Answer;
  /** Another one is on its way. */
  isReplacing: boolean;
}

/** The answer. If it was waited for it takes the focus once: a keyboard or a screen reader lands on it. */
export function PreviewResult({ answer, isReplacing }: PreviewResultProps) {
  const { preview } = answer;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => (answer.isAwaited ? heading.current?.focus() : undefined), [answer]);
  return (
    <section className="result" aria-labelledby="result-heading" aria-busy={isReplacing}>
      <h2 id="result-heading" ref={heading} tabIndex={-1}>
        Closest golden pairs
      </h2>
      {isReplacing && <p className="hint">For your last request; the next answer takes its place.</p>}
      {preview.truncated && (
        <p className="notice warn">
          Your text is longer than the model reads ({preview.max_tokens} tokens); the end was left out of the
          search.
        </p>
      )}
      <ScoredPairs pairs={preview.pairs} />
      <Prompt text={preview.prompt} />
      <p className="hint">
        Found by {preview.model}, version {preview.version}.
      </p>
    </section>
  );
}

/** Best first. */
export function ScoredPairs({ pairs }: { pairs: readonly RankedPair[] }) {
  return (
    <ol className="pairs">
      {pairs.map((pair) => (
        <Scored key={pair.id} pair={pair} />
      ))}
    </ol>
  );
}

function Scored({ pair }: { pair: RankedPair }) {
  return (
    <li className="panel pair">
      <div className="pair-head">
        <span className="trade">{pair.trade}</span>
        <span className="score">
          <meter min={0} max={1} value={Math.max(0, pair.score)} aria-label="Similarity" />
          <span className="number">{pair.score.toFixed(2)}</span>
        </span>
      </div>
      <p className="request">{pair.request}</p>
      <details>
        <summary>Answer that was given</summary>
        <p className="response">{pair.response}</p>
      </details>
    </li>
  );
}

function Prompt({ text }: { text: string }) {
  return (
    <section className="prompt" aria-labelledby="prompt-heading">
      <div className="label-row">
        <h2 id="prompt-heading">Assembled prompt</h2>
        <CopyButton text={text} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard. */}
      <pre className="panel" tabIndex={0}>
        {text}
      </pre>
    </section>
  );
}

function CopyButton({ text }: { text: string }) {
  const [said, setSaid] = useState("");
  async function copy() {
    setSaid((await tryCopy(text)) ? "Copied" : "Copying was refused; select the text instead");
  }
  return (
    <span className="copy">
      <span role="status" className="hint">
        {said}
      </span>
      <button type="button" className="secondary" onClick={() => void copy()}>
        Copy prompt
      </button>
    </span>
  );
}

/** The clipboard exists on secure origins only; a plain http:// address in a local network has the old way left. */
async function tryCopy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "off-screen";
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand?.("copy") ?? false;
  area.remove();
  return isCopied;
}

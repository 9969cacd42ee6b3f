import { useEffect, useState } from "react";
import { type GoldenPair, goldenPairs } from "./api";
import { detailOf } from "./usePreview";
import { GOLDEN_PAIRS } from "./WhileWaiting";

type Loaded =
  | { kind: "loading" }
  | { kind: "failed"; detail: string }
  | { kind: "done"; pairs: GoldenPair[] };

/** Needs no model, so it works while they load. Asked for only when somebody opens it. */
export function GoldenPairs() {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <details
      className="browse panel"
      id={GOLDEN_PAIRS}
      onToggle={(event) => setIsOpen(event.currentTarget.open)}
    >
      <summary>Browse golden pairs</summary>
      {isOpen && <List />}
    </details>
  );
}

function List() {
  const [loaded, setLoaded] = useState<Loaded>({ kind: "loading" });
  const [attempt, setAttempt] = useState(1);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt is another fetch.
  useEffect(() => {
    const abort = new AbortController();
    goldenPairs(abort.signal).then(
      (pairs) => setLoaded({ kind: "done", pairs }),
      (error: unknown) => !abort.signal.aborted && setLoaded({ kind: "failed", detail: detailOf(error) }),
    );
    return () => abort.abort();
  }, [attempt]);
  function retry() {
    setLoaded({ kind: "loading" });
    setAttempt(attempt + 1);
  }
  if (loaded.kind === "loading") return <p className="hint">Fetching…</p>;
  if (loaded.kind === "failed") return <Failed detail={loaded.detail} onRetry={retry} />;
  return (
    <ul className="library" aria-label="Golden pairs">
      {loaded.pairs.map((pair) => (
        <li key={pair.id}>
          <span className="trade">{pair.trade}</span>
          <p className="request">{pair.request}</p>
          <p className="response">{pair.response}</p>
        </li>
      ))}
    </ul>
  );
}

function Failed({ detail, onRetry }: { detail: string; onRetry(): void }) {
  return (
    <>
      <p role="alert">{detail}</p>
      <button type="button" className="secondary" onClick={onRetry}>
        Fetch again
      </button>
    </>
  );
}

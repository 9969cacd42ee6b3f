/** What needs no model, a press away from the card: people who can go on do not mind the wait. */
export function WhileWaiting({ hasEarlier }: { hasEarlier: boolean }) {
  return (
    <>
      <button type="button" onClick={() => document.getElementById(DESCRIPTION)?.focus()}>
        Keep writing
      </button>
      <button type="button" onClick={() => reveal(GOLDEN_PAIRS)}>
        Browse golden pairs
      </button>
      {hasEarlier && (
        <button type="button" onClick={() => reveal(EARLIER_RESULTS)}>
          Earlier results
        </button>
      )}
    </>
  );
}

export const DESCRIPTION = "description";
export const GOLDEN_PAIRS = "golden-pairs";
export const EARLIER_RESULTS = "earlier-results";

/** Opens a folded part of the page and goes there, with the focus, so that a keyboard goes on from it. */
function reveal(id: string): void {
  const part = document.getElementById(id);
  if (!(part instanceof HTMLDetailsElement)) return;
  part.open = true;
  part.querySelector("summary")?.focus();
  part.scrollIntoView?.({ block: "start" });
}

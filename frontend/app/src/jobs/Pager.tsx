import { number } from "./words";

interface PagerProps {
  what: string;
  skip: number;
  size: number;
  total: number;
  onTurn(skip: number): void;
}

/** Nothing where all fits on one page. Not `disabled` at the ends: that would take the focus away. */
export function Pager({ what, skip, size, total, onTurn }: PagerProps) {
  if (total <= size && skip === 0) return null;
  const last = Math.min(skip + size, total);
  const isFirst = skip === 0;
  const isLast = last >= total;
  return (
    <nav className="pager" aria-label={`Pages of ${what}`}>
      <button
        type="button"
        className="secondary"
        aria-disabled={isFirst}
        onClick={() => isFirst || onTurn(Math.max(0, skip - size))}
      >
        Previous
      </button>
      <span className="number" role="status">
        {number(Math.min(skip + 1, total))}–{number(last)} of {number(total)}
      </span>
      <button
        type="button"
        className="secondary"
        aria-disabled={isLast}
        onClick={() => isLast || onTurn(skip + size)}
      >
        Next
      </button>
    </nav>
  );
}

import type { Overlay } from "./useOverlay.ts";

export function Progress({ progress, title, valueText, countdown, words }: Overlay) {
  const isKnown = progress !== null;
  return (
    <>
      <div
        role="progressbar"
        className="gr-bar"
        aria-label={title}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={progress ?? undefined}
        aria-valuetext={valueText}
      >
        {/* Another key, another bar: the marker for "unknown" must not shrink into the first real value. */}
        <div key={String(isKnown)} style={{ inlineSize: `${progress ?? 25}%` }} />
      </div>
      {/* The bar has said it already. */}
      <p className="gr-row gr-figures" aria-hidden="true">
        <b>{isKnown && words.format.percent(progress)}</b>
        <span>{countdown}</span>
      </p>
    </>
  );
}

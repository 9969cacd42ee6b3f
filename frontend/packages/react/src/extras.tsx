/**
 * What the card can do besides, for those who want to spend the bytes: `<ModelLoadingOverlay>{extras}</…>`.
 *
 * "Tell me when ready" while it loads, "Copy diagnostics" when it failed.
 */
import { useDiagnostics } from "./diagnostics.ts";
import { withBeside } from "./english.ts";
import { useReadyNotice } from "./ready-notice.ts";
import type { Overlay } from "./useOverlay.ts";

export { type Diagnostics, diagnosticsOf, useDiagnostics } from "./diagnostics.ts";
export { type ReadyNotice, useReadyNotice } from "./ready-notice.ts";

interface ExtraProps {
  overlay: Overlay;
}

/** Both, each in its time; made to be the overlay's child, or to be called inside one of yours. */
export function extras(overlay: Overlay) {
  return (
    <>
      <TellWhenReady overlay={overlay} />
      <CopyDiagnostics overlay={overlay} />
    </>
  );
}

/** Stays mounted when it is ready: that is its moment. */
export function TellWhenReady({ overlay }: ExtraProps) {
  const { state } = overlay;
  const words = withBeside(overlay.words);
  const notice = useReadyNotice(state === "ready", words.title.ready);
  if (state === "ready" || state === "failed") return null;
  if (notice.isWanted) return <span className="gr-quiet">{words.told}</span>;
  return (
    <button type="button" onClick={notice.ask}>
      {words.tell}
    </button>
  );
}

export function CopyDiagnostics({ overlay }: ExtraProps) {
  const { state, view } = overlay;
  const words = withBeside(overlay.words);
  const { copy, isCopied, text } = useDiagnostics(view);
  if (state !== "failed") return null;
  return (
    <>
      <button type="button" onClick={() => void copy()}>
        {isCopied ? words.copied : words.copy}
      </button>
      {text !== null && (
        <textarea readOnly rows={4} aria-label={words.selected} value={text} ref={(area) => area?.select()} />
      )}
    </>
  );
}

import type { ReactNode } from "react";
import { Card } from "./Card.tsx";
import { type Overlay, type OverlayOptions, useOverlay } from "./useOverlay.ts";

/** What stands there, or how it follows from where things stand. */
export type Slot = ReactNode | ((overlay: Overlay) => ReactNode);

export interface ModelLoadingOverlayProps extends OverlayOptions {
  /** Default: "bottom". */
  position?: "top" | "bottom" | undefined;
  /** Blocks the page until the models are ready, or cannot be. */
  modal?: boolean | undefined;
  /** Default: as the page's visitor prefers, or as `data-theme` around it says. */
  theme?: "light" | "dark" | undefined;
  /** Instead of the drawn one. */
  icon?: Slot;
  /** What can be done meanwhile. */
  children?: Slot;
  footer?: Slot;
}

/**
 * A card in the corner, not a dialog unless asked for: people go on writing underneath it. For tests it carries
 * `data-greenroom-overlay`, `data-state`, `data-phase` and `data-progress`; those are a contract.
 */
export function ModelLoadingOverlay(props: ModelLoadingOverlayProps) {
  const overlay = useOverlay(props);
  const voice = (
    <p role="status" className="gr-voice">
      {overlay.announcement}
    </p>
  );
  // Everything outside a modal dialog is silent, its live regions as well.
  const isInside = overlay.isShown && props.modal;
  return (
    <>
      {!isInside && voice}
      {overlay.isShown && <Card {...props} overlay={overlay} voice={isInside && voice} />}
    </>
  );
}

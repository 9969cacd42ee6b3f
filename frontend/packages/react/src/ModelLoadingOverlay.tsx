import { type ComponentType, type HTMLAttributes, type ReactNode, type RefObject, useRef } from "react";
import { Actions, PhaseIcon, Progress, QueueList, StageList } from "./parts.tsx";
import { useFocusKeeper } from "./useFocusKeeper.ts";
import { type Overlay, type OverlayOptions, useOverlay } from "./useOverlay.ts";

/** What stands there, or how it follows from where things stand. */
export type Slot = ReactNode | ((overlay: Overlay) => ReactNode);

export interface ModelLoadingOverlayProps extends OverlayOptions {
  /** Default: "bottom". */
  position?: "top" | "bottom" | undefined;
  /** `Modal` of `@greenroom/react/modal` blocks the page until the models are ready, or cannot be. */
  frame?: ComponentType<FrameProps> | undefined;
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
  const isInside = overlay.isShown && props.frame;
  return (
    <>
      {!isInside && voice}
      {overlay.isShown && <Card {...props} overlay={overlay} voice={isInside && voice} />}
    </>
  );
}

interface CardProps extends ModelLoadingOverlayProps {
  overlay: Overlay;
  voice: ReactNode;
}

/** What the card stands in gets its attributes and children, and hands its element out. */
export interface FrameProps extends HTMLAttributes<HTMLElement> {
  card: RefObject<HTMLElement | null>;
  /** Not ready yet, and not failed. */
  isBlocking: boolean;
}

function Plain({ card, isBlocking: _, ...rest }: FrameProps) {
  return <section ref={card} {...rest} />;
}

function Card({
  overlay,
  voice,
  position = "bottom",
  frame: Frame = Plain,
  theme,
  icon,
  children,
  footer,
}: CardProps) {
  const { state } = overlay;
  const card = useRef<HTMLElement>(null);
  const attributes = {
    "data-greenroom-overlay": "",
    "data-state": state,
    "data-phase": overlay.phase,
    "data-progress": overlay.progress ?? 0,
    "data-theme": theme,
  };
  return (
    <Frame
      card={card}
      isBlocking={state !== "ready" && state !== "failed"}
      className={`gr-card gr-${position}`}
      aria-label={overlay.words.label}
      tabIndex={-1}
      {...attributes}
      {...useFocusKeeper(card)}
    >
      {voice}
      <div className="gr-head">
        {fillSlot(icon, overlay) ?? <PhaseIcon {...overlay} />}
        <Headline {...overlay} />
      </div>
      {overlay.hasBar && <Progress {...overlay} />}
      <Actions {...overlay}>{fillSlot(children, overlay)}</Actions>
      <QueueList {...overlay} />
      <StageList {...overlay} />
      {fillSlot(footer, overlay)}
    </Frame>
  );
}

/** A failure is an alert. The key makes it a new one: a role that only changes is not always heard. */
function Headline({ state, title, detail, words }: Overlay) {
  const isFailed = state === "failed";
  const isForeign = isFailed && words.language !== "en";
  return (
    <div key={String(isFailed)} role={isFailed ? "alert" : undefined}>
      <p className="gr-title">{title}</p>
      <p className="gr-quiet" lang={isForeign ? "en" : undefined}>
        {detail}
      </p>
    </div>
  );
}

function fillSlot(slot: Slot, overlay: Overlay): ReactNode {
  return typeof slot === "function" ? slot(overlay) : slot;
}

import { type ReactNode, useRef } from "react";
import { Failure } from "./Failure.tsx";
import type { ModelLoadingOverlayProps, Slot } from "./ModelLoadingOverlay.tsx";
import { PhaseIcon } from "./PhaseIcon.tsx";
import { Progress } from "./Progress.tsx";
import { QueueList } from "./QueueList.tsx";
import { StageList } from "./StageList.tsx";
import { useFocusKeeper } from "./useFocusKeeper.ts";
import { useModal } from "./useModal.ts";
import type { Overlay } from "./useOverlay.ts";

interface CardProps extends ModelLoadingOverlayProps {
  overlay: Overlay;
  voice: ReactNode;
}

export function Card({ overlay, voice, position, modal = false, theme, icon, children, footer }: CardProps) {
  const { state, subject, words } = overlay;
  const isOver = state === "ready" || state === "failed";
  const card = useRef<HTMLDialogElement>(null);
  useModal(card, modal, !isOver);
  const Tag = modal ? "dialog" : "section";
  return (
    <Tag
      ref={card}
      className={`gr-card gr-${position ?? "bottom"}`}
      aria-label={words.messages.label}
      tabIndex={-1}
      data-greenroom-overlay=""
      data-state={state}
      data-phase={overlay.phase}
      data-progress={overlay.progress ?? 0}
      data-theme={theme}
      {...useFocusKeeper(card)}
    >
      {voice}
      <div className="gr-head">
        {fillSlot(icon, overlay) ?? <PhaseIcon subject={subject} />}
        <Headline {...overlay} />
      </div>
      {overlay.hasBar && <Progress {...overlay} />}
      {state === "failed" && <Failure {...overlay} />}
      {!isOver && <Meanwhile {...overlay}>{fillSlot(children, overlay)}</Meanwhile>}
      <QueueList {...overlay} />
      <StageList {...overlay} />
      {fillSlot(footer, overlay)}
    </Tag>
  );
}

/** A failure is an alert. The key makes it a new one: a role that only changes is not always heard. */
function Headline({ state, title, detail, words }: Overlay) {
  const isFailed = state === "failed";
  const isForeign = isFailed && words.messages.language !== "en";
  return (
    <div key={String(isFailed)} role={isFailed ? "alert" : undefined}>
      <p className="gr-title">{title}</p>
      <p className="gr-quiet" lang={isForeign ? "en" : undefined}>
        {detail}
      </p>
    </div>
  );
}

function Meanwhile({ notice, words: { messages }, children }: Overlay & { children: ReactNode }) {
  return (
    <div className="gr-actions">
      {children}
      {notice.isWanted ? (
        <span className="gr-quiet">{messages.told}</span>
      ) : (
        <button type="button" onClick={notice.ask}>
          {messages.tell}
        </button>
      )}
    </div>
  );
}

function fillSlot(slot: Slot, overlay: Overlay): ReactNode {
  return typeof slot === "function" ? slot(overlay) : slot;
}

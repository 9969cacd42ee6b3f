/** The card as a modal dialog: `<ModelLoadingOverlay frame={Modal} />`. */
import { type RefObject, useEffect } from "react";
import type { FrameProps } from "./ModelLoadingOverlay.tsx";

/**
 * The browser's own modal dialog makes the rest of the page inert, keeps the focus inside and gives it back. It
 * blocks until the models are ready or have failed, then it stays as a plain card, so that nobody is locked in.
 */
export function Modal({ card, isBlocking, ...rest }: FrameProps) {
  useEffect(() => {
    const dialog = card.current as HTMLDialogElement;
    if (isBlocking) return block(dialog);
    // Not `show()`: that would take the focus.
    dialog.open = true;
  }, [card, isBlocking]);
  return <dialog ref={card as RefObject<HTMLDialogElement>} {...rest} />;
}

function block(dialog: HTMLDialogElement) {
  const show = () => {
    dialog.showModal();
    // Not its first button: who presses Enter while the card comes up must not press that.
    dialog.focus();
  };
  const refuse = (event: Event) => event.preventDefault();
  dialog.addEventListener("cancel", refuse);
  // A second Escape in a row, or the back gesture of a phone, closes without asking.
  dialog.addEventListener("close", show);
  show();
  return () => {
    dialog.removeEventListener("cancel", refuse);
    dialog.removeEventListener("close", show);
    dialog.close();
  };
}

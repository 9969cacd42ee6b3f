import { type RefObject, useEffect } from "react";

/**
 * The browser's own modal dialog makes the rest of the page inert, keeps the focus inside and gives it back.
 * Escape does not close it as long as it blocks; once it no longer blocks it stays as a plain card.
 */
export function useModal(card: RefObject<HTMLElement | null>, isModal: boolean, isBlocking: boolean) {
  useEffect(() => {
    const dialog = card.current as HTMLDialogElement | null;
    if (!isModal || dialog === null) return;
    if (!isBlocking) {
      // Not `show()`: that would take the focus.
      dialog.open = true;
      return;
    }
    dialog.showModal?.();
    // Browsers without modal dialogs still show it.
    dialog.open = true;
    const refuse = (event: Event) => event.preventDefault();
    // A second Escape in a row, or the back gesture of a phone, closes without asking.
    const reopen = () => dialog.isConnected && dialog.showModal();
    dialog.addEventListener("cancel", refuse);
    dialog.addEventListener("close", reopen);
    return () => {
      dialog.removeEventListener("cancel", refuse);
      dialog.removeEventListener("close", reopen);
      dialog.close?.();
    };
  }, [card, isModal, isBlocking]);
}

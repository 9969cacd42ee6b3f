import { type FocusEvent, type RefObject, useEffect, useLayoutEffect, useRef } from "react";

/**
 * The focus is never taken from the page. But what a person pressed in the card can vanish: then the card itself
 * takes the focus, so that Tab goes on from here; and when the card leaves, the focus goes back where it was.
 */
export function useFocusKeeper(card: RefObject<HTMLElement | null>) {
  const isInside = useRef(false);
  const before = useRef<HTMLElement | null>(null);
  // `useLayoutEffect` does nothing on a server, and the card is never rendered there.
  useLayoutEffect(
    () => () => {
      if (isInside.current) before.current?.focus();
    },
    [],
  );
  useEffect(() => {
    if (isInside.current && document.activeElement === document.body) card.current?.focus();
  });
  return {
    onFocus({ relatedTarget }: FocusEvent) {
      if (!isInside.current) before.current = relatedTarget as HTMLElement | null;
      isInside.current = true;
    },
    onBlur({ currentTarget, relatedTarget, target }: FocusEvent) {
      isInside.current = !target.isConnected || currentTarget.contains(relatedTarget);
    },
  };
}

import { type ReactNode, type Ref, useLayoutEffect, useRef } from "react";
import type { Order as OrderName, Orders } from "./useOrders";

const BUSY: Record<OrderName, string> = {
  reload: "Reloading…",
  retry: "Asking…",
  rollback: "Rolling back…",
  unpin: "Unpinning…",
};

interface OrderProps {
  what: OrderName;
  model: string;
  orders: Orders;
  /** Instead of giving the order at once. */
  onPress?: () => void;
  isExpanded?: boolean;
  button?: Ref<HTMLButtonElement>;
  children: ReactNode;
}

/** Not `disabled` while busy: that would take the focus away from the person who has just pressed it. */
export function Order({ what, model, orders, onPress, isExpanded, button, children }: OrderProps) {
  const isFree = orders.busy === null;
  const place = useFocusPassedOn();
  return (
    <span ref={place}>
      <button
        type="button"
        ref={button}
        className="secondary"
        aria-disabled={!isFree}
        aria-expanded={isExpanded}
        onClick={() => isFree && (onPress ?? (() => orders.give(what)))()}
      >
        {orders.busy === what ? BUSY[what] : children}{" "}
        {/* The same words stand on each card: a voice says whose they are. */}
        <span className="off-screen">{model}</span>
      </button>
    </span>
  );
}

/** An order that was carried out may leave the card with its button; the focus goes to the card's first one. */
function useFocusPassedOn() {
  const place = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    const mine = place.current;
    return () => {
      if (!mine?.contains(document.activeElement)) return;
      mine.parentElement?.querySelector("button")?.focus();
    };
  }, []);
  return place;
}

import { useRef, useState } from "react";
import type { ModelProps } from "./ModelCard";
import { Order } from "./Order";
import { RollBack } from "./RollBack";
import { TokenForm } from "./TokenForm";
import { type Orders, useOrders } from "./useOrders";

/** What an operator can ask of one model, and how it ended. */
export function Actions({ report, state, onChange }: ModelProps & { onChange(): void }) {
  const orders = useOrders(state.name, onChange);
  const [isAsked, setIsAsked] = useState(false);
  const rollBack = useRef<HTMLButtonElement>(null);
  const common = { model: state.name, orders };
  function answer(isMeant: boolean) {
    setIsAsked(false);
    rollBack.current?.focus();
    if (isMeant) orders.give("rollback");
  }
  return (
    <footer className="orders">
      <div className="order-buttons">
        <Order {...common} what="reload">
          Reload
        </Order>
        {state.phase === "failed" && (
          <Order {...common} what="retry">
            Try again
          </Order>
        )}
        {state.previous !== null && (
          <Order
            {...common}
            what="rollback"
            button={rollBack}
            isExpanded={isAsked}
            onPress={() => setIsAsked(!isAsked)}
          >
            Roll back
          </Order>
        )}
        {report.pinned && (
          <Order {...common} what="unpin">
            Unpin
          </Order>
        )}
      </div>
      {isAsked && state.previous !== null && (
        <RollBack serving={state.version} previous={state.previous.version} onAnswer={answer} />
      )}
      <Outcome {...orders} />
    </footer>
  );
}

function Outcome({ outcome, giveWithToken, dismiss }: Orders) {
  return (
    <>
      <div role="status" className="notice-slot">
        {outcome !== null && (
          <p className={outcome.kind === "done" ? "notice" : "notice bad"}>{outcome.text}</p>
        )}
      </div>
      {outcome?.kind === "token-needed" && <TokenForm onToken={giveWithToken} onCancel={dismiss} />}
    </>
  );
}

import { useGreenroom } from "@greenroom/react";
import { useRef, useState } from "react";
import { type AdminOrder, type AdminOutcome, order } from "./admin";
import { keepToken } from "./token";

export type Order = AdminOrder | "retry";

export interface Orders {
  /** What the server is busy with for us. */
  busy: Order | null;
  outcome: AdminOutcome | null;
  /** One at a time: a press while another order is under way does nothing. */
  give(what: Order): void;
  /** Asks the last one again, with this token. */
  giveWithToken(token: string): void;
  dismiss(): void;
}

/** The orders of one model's card, and how the last one ended. */
export function useOrders(model: string, onChange: () => void): Orders {
  const { retryModel } = useGreenroom();
  const [busy, setBusy] = useState<Order | null>(null);
  const [outcome, setOutcome] = useState<AdminOutcome | null>(null);
  const last = useRef<Order>("reload");

  async function run(what: Order) {
    last.current = what;
    setBusy(what);
    setOutcome(null);
    setOutcome(await (what === "retry" ? retry(() => retryModel(model)) : order(what, model)));
    setBusy(null);
    onChange();
  }

  const give = (what: Order) => void (busy === null && run(what));
  return {
    busy,
    outcome,
    give,
    giveWithToken(token) {
      keepToken(token);
      give(last.current);
    },
    dismiss: () => setOutcome(null),
  };
}

/** Open to everybody, since only a model that has failed is tried again. */
async function retry(ask: () => Promise<unknown>): Promise<AdminOutcome> {
  try {
    await ask();
    return { kind: "done", text: "It is tried again." };
  } catch (error) {
    return { kind: "failed", text: error instanceof Error ? error.message : String(error) };
  }
}

import type { Format } from "./format.ts";
import { CARD } from "./messages.ts";
import type { Words } from "./words.ts";

/** The words of what is not the card: in a module of its own, so that a page without them need not carry them. */
export const BESIDE = {
  copy: "Copy diagnostics",
  copied: "Copied",
  selected: "Diagnostics, to copy by hand",
  tell: "Tell me when ready",
  told: "You will be told.",
  hint: {
    ready: "Goes out when the model is ready",
    readyIn: "Goes out when the model is ready, in about {time}",
    lost: "Goes out when the server answers again",
    failed: "Goes out once the model could be loaded",
  },
};

/** All of it. */
export const ENGLISH = { ...CARD, ...BESIDE };

export type Messages = typeof ENGLISH;

/** A whole table brings these words along; English is what is there without one. */
export function withBeside(words: Words): Messages & Format {
  return { ...BESIDE, ...words };
}

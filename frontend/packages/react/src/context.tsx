import { createGreenroom, type Greenroom } from "@greenroom/client";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import type { Messages } from "./english.ts";
import { createWords, type Words } from "./words.ts";

interface Held {
  greenroom: Greenroom;
  words: Words;
}

const GreenroomContext = createContext<Held | null>(null);

export interface GreenroomProviderProps {
  /** Yours, or one for this page's own origin. Kept from the first render on. */
  greenroom?: Greenroom;
  /** Default: English. */
  messages?: Messages | undefined;
  /** BCP 47, for numbers and durations. Default: the browser's, if the messages are in its language. */
  locale?: string | undefined;
  children?: ReactNode;
}

/** Holds the line to the server as long as it is mounted. */
export function GreenroomProvider({ greenroom, messages, locale, children }: GreenroomProviderProps) {
  const [held] = useState(() => greenroom ?? createGreenroom());
  useEffect(() => held.retain(), [held]);
  const value = useMemo(
    () => ({ greenroom: held, words: createWords(messages, locale) }),
    [held, messages, locale],
  );
  return <GreenroomContext.Provider value={value}>{children}</GreenroomContext.Provider>;
}

function useHeld(): Held {
  const held = useContext(GreenroomContext);
  if (held === null) throw new Error("Put a <GreenroomProvider> above.");
  return held;
}

export function useGreenroom(): Greenroom {
  return useHeld().greenroom;
}

/** The provider's words. */
export function useWords(): Words {
  return useHeld().words;
}

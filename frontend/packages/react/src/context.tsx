import { createGreenroom, type Greenroom } from "@greenroom/client";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";

const GreenroomContext = createContext<Greenroom | null>(null);

export interface GreenroomProviderProps {
  /** Yours, or one for this page's own origin. Kept from the first render on. */
  greenroom?: Greenroom;
  children: ReactNode;
}

/** Holds the line to the server as long as it is mounted. */
export function GreenroomProvider({ greenroom, children }: GreenroomProviderProps) {
  const [held] = useState(() => greenroom ?? createGreenroom());
  useEffect(() => held.retain(), [held]);
  return <GreenroomContext.Provider value={held}>{children}</GreenroomContext.Provider>;
}

export function useGreenroom(): Greenroom {
  const greenroom = useContext(GreenroomContext);
  if (greenroom === null) throw new Error("Put a <GreenroomProvider> above this component.");
  return greenroom;
}

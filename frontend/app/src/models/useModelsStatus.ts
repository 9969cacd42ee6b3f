import type { ModelsStatus } from "@greenroom/client";
import { useCallback, useEffect, useRef, useState } from "react";
import { createStatusPoll, modelsStatus, type StatusPoll } from "./status-poll";

export interface KnownStatus {
  /** The last one that came; `null` before the first. */
  status: ModelsStatus | null;
  /** When it came, by this browser's clock. */
  at: number;
  /** Why the latest look brought nothing; `null` when it did. */
  problem: string | null;
}

/** What the server says of all models, kept up to date while the page is seen; and how to look again now. */
export function useModelsStatus(): [KnownStatus, () => void] {
  const [known, setKnown] = useState<KnownStatus>({ status: null, at: 0, problem: null });
  const poll = useRef<StatusPoll | null>(null);
  useEffect(() => {
    let isMounted = true;
    const mine = createStatusPoll(async () => {
      const news = await lookOnce();
      if (isMounted) setKnown((before) => ({ ...before, ...news }));
    });
    poll.current = mine;
    return () => {
      isMounted = false;
      mine.stop();
    };
  }, []);
  const lookSoon = useCallback(() => poll.current?.soon(), []);
  return [known, lookSoon];
}

async function lookOnce(): Promise<Partial<KnownStatus>> {
  try {
    return { status: await modelsStatus(), at: Date.now(), problem: null };
  } catch (error) {
    return { problem: problemOf(error) };
  }
}

function problemOf(error: unknown): string {
  const isAway =
    error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError");
  return isAway || !(error instanceof Error) ? "The server cannot be reached just now." : error.message;
}

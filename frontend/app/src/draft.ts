import { useEffect, useState } from "react";
import { readStored, writeStored } from "./storage";

const KEY = "greenroom.rfq.draft";

/** Keeps a text across reloads. */
export function useDraft(): [string, (text: string) => void] {
  const [text, setText] = useState(() => readStored(KEY) ?? "");
  useEffect(() => writeStored(KEY, text), [text]);
  return [text, setText];
}

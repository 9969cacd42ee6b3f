import { useEffect, useState } from "react";
import { readStored, writeStored } from "./storage";

/** Keeps a page's text across reloads. */
export function useDraft(page: "rfq" | "sentiment" | "jobs"): [string, (text: string) => void] {
  const key = `greenroom.${page}.draft`;
  const [text, setText] = useState(() => readStored(key) ?? "");
  useEffect(() => writeStored(key, text), [key, text]);
  return [text, setText];
}

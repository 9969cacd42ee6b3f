import { useEffect, useState } from "react";

const KEY = "greenroom.rfq.draft";

/** Keeps a text across reloads. A browser that refuses storage keeps it for this page only. */
export function useDraft(): [string, (text: string) => void] {
  const [text, setText] = useState(readDraft);
  useEffect(() => writeDraft(text), [text]);
  return [text, setText];
}

function readDraft(): string {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

function writeDraft(text: string): void {
  try {
    localStorage.setItem(KEY, text);
  } catch {
    // Private windows and full disks: writing goes on without it.
  }
}

import type { ReadinessView } from "@greenroom/client";
import { useState, version } from "react";
import { VERSION } from "./version.ts";

/** For a report to whoever runs the server: what this page knows. No address, no input, no credential. */
export function diagnosticsOf({ snapshot, link }: ReadinessView): string {
  const versions = { greenroom: VERSION, react: version };
  const { userAgent } = navigator;
  return JSON.stringify({ at: new Date(), versions, userAgent, link, snapshot }, null, 1);
}

export interface Diagnostics {
  copy(): Promise<void>;
  isCopied: boolean;
  /** Shown for copying by hand where the clipboard is refused, as on plain http:// addresses. */
  text: string | null;
}

export function useDiagnostics(view: ReadinessView): Diagnostics {
  const [isCopied, setIsCopied] = useState(false);
  const [text, setText] = useState<string | null>(null);
  async function copy() {
    const report = diagnosticsOf(view);
    try {
      await navigator.clipboard.writeText(report);
      setIsCopied(true);
    } catch {
      setText(report);
    }
  }
  return { copy, isCopied, text };
}

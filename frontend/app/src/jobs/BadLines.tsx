import type { JobLine } from "@greenroom/client";
import { sentence } from "../models/words";
import { counted } from "./words";

/** What the uploaded file had that was no input, on demand. */
export function BadLines({ lines, count }: { lines: readonly JobLine[]; count: number }) {
  if (count === 0) return null;
  return (
    <details className="bad-lines">
      <summary>{counted(count, "line was left out", "lines were left out")}</summary>
      <ul className="checks">
        {lines.map(({ line, message }) => (
          <li key={line}>
            <b>Line {line}</b> {sentence(message)}
          </li>
        ))}
      </ul>
      {count > lines.length && <p className="hint">These are the first {lines.length}.</p>}
    </details>
  );
}

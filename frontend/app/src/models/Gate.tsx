import type { GateReport } from "@greenroom/client";
import { when } from "./words";

/** What was measured when a version was about to take over, on demand. */
export function Gate({ gate }: { gate: GateReport | null }) {
  if (gate === null) return null;
  return (
    <details>
      <summary>
        Promotion gate: version {gate.version} {gate.passed ? "passed" : "did not pass"}
      </summary>
      <p className="hint">
        Compared with version {gate.against}, which served then. {when(gate.at)}.
      </p>
      <ul className="checks">
        {gate.checks.map(({ name, passed, detail }) => (
          <li key={name} data-passed={passed}>
            <b>{name}</b> <span className="check-mark">{passed ? "passed" : "failed"}</span>
            <span className="check-detail">{detail}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}

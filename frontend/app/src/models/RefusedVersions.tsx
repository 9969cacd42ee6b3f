import type { RefusedVersion } from "@greenroom/client";
import { clockTime, sentence } from "./words";

/** Versions that could not take over, or had to be taken back. */
export function RefusedVersions({ versions }: { versions: readonly RefusedVersion[] }) {
  if (versions.length === 0) return null;
  return (
    <ul className="refused" aria-label="Refused versions">
      {versions.map(({ version, error, tries, retry_at, at }) => (
        <li key={version} className="notice warn">
          <b>Version {version} was refused</b> at {clockTime(at)}
          {tries > 1 && `, after ${tries} tries`}: {sentence(error.message)}{" "}
          {retry_at === null
            ? "It is not tried again before the source names another version."
            : `It is tried again at ${clockTime(retry_at)}.`}
        </li>
      ))}
    </ul>
  );
}

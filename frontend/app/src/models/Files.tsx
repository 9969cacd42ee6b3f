import type { FileState } from "@greenroom/client";
import { bytes } from "./words";

/** The files of the version in use, on demand. */
export function Files({ files }: { files: readonly FileState[] }) {
  if (files.length === 0) return null;
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  return (
    <details>
      <summary>
        {files.length === 1 ? "1 file" : `${files.length} files`}, {bytes(total)}
      </summary>
      <ul className="files">
        {files.map((file) => (
          <li key={file.path}>
            <span className="file-path">{file.path}</span>
            <span>{bytes(file.bytes)}</span>
            <span className="hint">{file.cached ? "on this machine" : "not on this machine"}</span>
            {file.sha256 !== "" && <code className="file-hash">SHA-256 {file.sha256}</code>}
          </li>
        ))}
      </ul>
    </details>
  );
}

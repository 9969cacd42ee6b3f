import { useId, useRef } from "react";
import { bytes } from "./words";

interface FileFieldProps {
  file: File | null;
  column: string;
  onFile(file: File | null | undefined): void;
  onColumn(column: string): void;
}

export function FileField({ file, column, onFile, onColumn }: FileFieldProps) {
  const ids = { file: useId(), hint: useId(), column: useId() };
  const field = useRef<HTMLInputElement>(null);
  function remove() {
    if (field.current) field.current.value = "";
    onFile(null);
    field.current?.focus();
  }
  return (
    <>
      <p className="field-row">
        <label htmlFor={ids.file}>File</label>
        <input
          ref={field}
          id={ids.file}
          type="file"
          accept=".txt,.csv,.jsonl,.ndjson"
          aria-describedby={ids.hint}
          onChange={(event) => onFile(event.target.files?.[0])}
        />
        {file !== null && (
          <span>
            <b>{file.name}</b>, {bytes(file.size)}{" "}
            <button type="button" className="plain" onClick={remove}>
              Remove the file
            </button>
          </span>
        )}
      </p>
      <p id={ids.hint} className="hint">
        A .txt with a text on each line, a .csv, or a .jsonl. Lines that are no input are left out and told.
      </p>
      {file !== null && !file.name.toLowerCase().endsWith(".txt") && (
        <p className="field-row">
          <label htmlFor={ids.column}>Column with the text</label>
          <input
            id={ids.column}
            className="column"
            placeholder="text"
            value={column}
            onChange={(event) => onColumn(event.target.value)}
          />
        </p>
      )}
    </>
  );
}

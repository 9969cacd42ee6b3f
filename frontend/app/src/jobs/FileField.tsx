import { useEffect, useId, useRef } from "react";
import { bytes } from "./words";

interface FileFieldProps {
  file: File | null;
  column: string;
  onFile(file: File | null | undefined): void;
  onColumn(column: string): void;
}

export function FileField({ file, column, onFile, onColumn }: FileFieldProps) {
  const ids = { file: useId(), hint: useId(), column: useId() };
  const place = useFocusKept(file === null);
  return (
    <>
      <p className="field-row" ref={place}>
        {file === null ? (
          <>
            <label htmlFor={ids.file}>File</label>
            <input
              id={ids.file}
              type="file"
              accept=".txt,.csv,.tsv,.jsonl,.ndjson"
              aria-describedby={ids.hint}
              onChange={(event) => onFile(event.target.files?.[0])}
            />
          </>
        ) : (
          <span>
            <b>{file.name}</b>, {bytes(file.size)}{" "}
            <button type="button" className="plain" onClick={() => onFile(null)}>
              Remove the file
            </button>
          </span>
        )}
      </p>
      <p id={ids.hint} className="hint">
        A .txt with a text on each line, a .csv, .tsv or .jsonl. Lines that are no input are left out, and you
        are told which.
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

/** The field and the name of its file take each other's place: the focus goes to the one that is there. */
function useFocusKept(isEmpty: boolean) {
  const place = useRef<HTMLParagraphElement>(null);
  const wasEmpty = useRef(isEmpty);
  useEffect(() => {
    const hasChanged = wasEmpty.current !== isEmpty;
    wasEmpty.current = isEmpty;
    if (hasChanged && document.activeElement === document.body)
      place.current?.querySelector<HTMLElement>("input, button")?.focus();
  }, [isEmpty]);
  return place;
}

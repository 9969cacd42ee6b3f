import type { JobAnswer } from "@greenroom/client";
import { type FormEvent, useId, useState } from "react";
import { useDraft } from "../draft";
import { kindOf } from "../models/words";
import { FileField } from "./FileField";
import { Outcome } from "./Outcome";
import { useDrop } from "./useDrop";
import type { KnownModel } from "./useModelStates";
import { isAcceptable, linesOf, useSubmission } from "./useSubmission";
import { counted } from "./words";

interface NewJobProps {
  models: ReadonlyMap<string, KnownModel>;
  /** Those that the list shows, as they stand now. */
  jobs: readonly JobAnswer[];
  onAccepted(job: JobAnswer): void;
}

const TOO_MANY = "One file makes one job: drop them one at a time.";
const OTHER_KIND = "A .txt, .csv, .tsv or .jsonl file is needed.";

/** Texts or a file, and for which model. */
export function NewJob({ models, jobs, onAccepted }: NewJobProps) {
  const [text, setText] = useDraft("jobs");
  const [file, setFile] = useState<File | null>(null);
  const [column, setColumn] = useState("");
  const [model, setModel] = useState("");
  const submission = useSubmission({
    onAccepted(job) {
      setFile(null);
      setText("");
      onAccepted(job);
    },
    onFileChanged: () => setFile(null),
  });
  const heading = useId();
  const lines = linesOf(text);

  function choose(chosen: File | null | undefined) {
    setFile(chosen ?? null);
    drop.forget();
    submission.clear();
  }
  const drop = useDrop(choose);
  function submit(event: FormEvent) {
    event.preventDefault();
    drop.forget();
    submission.send({ lines, file, column, model });
  }
  const isOther = file !== null && !isAcceptable(file);
  const problem = drop.isTooMany ? TOO_MANY : isOther ? OTHER_KIND : null;
  return (
    <section
      className="panel new-job"
      aria-labelledby={heading}
      data-over={drop.isOver || undefined}
      {...drop.place}
    >
      <h2 id={heading}>New job</h2>
      <form onSubmit={submit}>
        {file === null && <TextsField text={text} count={lines.length} onText={setText} />}
        <FileField file={file} column={column} onFile={choose} onColumn={setColumn} />
        <ModelField model={model} models={models} onModel={setModel} />
        <div className="actions">
          <button
            type="submit"
            className="primary"
            aria-disabled={submission.state.kind === "sending" || (file === null && lines.length === 0)}
          >
            Start the job
          </button>
        </div>
        <Outcome {...submission} models={models} jobs={jobs} problem={problem} />
      </form>
    </section>
  );
}

interface TextsFieldProps {
  text: string;
  count: number;
  onText(text: string): void;
}

function TextsField({ text, count, onText }: TextsFieldProps) {
  const ids = { text: useId(), hint: useId() };
  return (
    <>
      <label htmlFor={ids.text}>Texts, one on each line</label>
      <textarea
        id={ids.text}
        rows={5}
        aria-describedby={ids.hint}
        placeholder={"Delivery was two days early.\nThe box was crushed."}
        value={text}
        onChange={(event) => onText(event.target.value)}
      />
      <p id={ids.hint} className="hint">
        {count > 0 ? counted(count, "text") : "Or drop a file anywhere on this panel."}
      </p>
    </>
  );
}

interface ModelFieldProps extends Pick<NewJobProps, "models"> {
  model: string;
  onModel(model: string): void;
}

/** With one model there is nothing to choose. */
function ModelField({ model, models, onModel }: ModelFieldProps) {
  const id = useId();
  if (models.size < 2) return null;
  return (
    <p className="field-row">
      <label htmlFor={id}>Model</label>
      <select id={id} value={model} onChange={(event) => onModel(event.target.value)}>
        <option value="">The first that classifies texts</option>
        {[...models].map(([name, { report }]) => (
          <option key={name} value={name}>
            {name} ({kindOf(report).toLowerCase()})
          </option>
        ))}
      </select>
    </p>
  );
}

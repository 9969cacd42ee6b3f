import type { JobAnswer } from "@greenroom/client";
import { isTerminal } from "@greenroom/client/jobs";
import { type DragEvent, type FormEvent, useId, useState } from "react";
import { useDraft } from "../draft";
import { FileField } from "./FileField";
import type { KnownModel } from "./useModelStates";
import { isAcceptable, linesOf, useSubmission } from "./useSubmission";
import { bytes, counted, nameOf, percent, waitOf } from "./words";

interface NewJobProps {
  models: ReadonlyMap<string, KnownModel>;
  /** Those that the list shows, as they stand now. */
  jobs: readonly JobAnswer[];
  onAccepted(job: JobAnswer): void;
}

/** Texts or a file, and for which model. */
export function NewJob({ models, jobs, onAccepted }: NewJobProps) {
  const [text, setText] = useDraft("jobs");
  const [file, setFile] = useState<File | null>(null);
  const [column, setColumn] = useState("");
  const [model, setModel] = useState("");
  const [isOver, setIsOver] = useState(false);
  const submission = useSubmission({
    onAccepted(job) {
      setFile(null);
      setText("");
      onAccepted(job);
    },
    onFileChanged: () => setFile(null),
  });
  const ids = { text: useId(), hint: useId(), heading: useId() };
  const lines = linesOf(text);

  function choose(chosen: File | null | undefined) {
    setFile(chosen ?? null);
    submission.clear();
  }
  function submit(event: FormEvent) {
    event.preventDefault();
    submission.send({ lines, file, column, model });
  }
  const drag = {
    onDragOver(event: DragEvent) {
      event.preventDefault();
      setIsOver(true);
    },
    onDragLeave: () => setIsOver(false),
    onDrop(event: DragEvent) {
      event.preventDefault();
      setIsOver(false);
      choose(event.dataTransfer.files[0]);
    },
  };
  return (
    <section
      className="panel new-job"
      aria-labelledby={ids.heading}
      data-over={isOver || undefined}
      {...drag}
    >
      <h2 id={ids.heading}>New job</h2>
      <form onSubmit={submit}>
        {file === null && (
          <>
            <label htmlFor={ids.text}>Texts, one on each line</label>
            <textarea
              id={ids.text}
              rows={5}
              aria-describedby={ids.hint}
              placeholder={"Delivery was two days early.\nThe box was crushed."}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
            <p id={ids.hint} className="hint">
              {lines.length > 0 ? counted(lines.length, "text") : "Or drop a file anywhere on this panel."}
            </p>
          </>
        )}
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
        <Outcome
          {...submission}
          models={models}
          jobs={jobs}
          isFileGood={file === null || isAcceptable(file)}
        />
      </form>
    </section>
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
        {[...models.keys()].map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </p>
  );
}

type OutcomeProps = ReturnType<typeof useSubmission> &
  Pick<NewJobProps, "models" | "jobs"> & { isFileGood: boolean };

function Outcome({ state, cancel, models, jobs, isFileGood }: OutcomeProps) {
  const isLoading = [...models.values()].some(({ state }) => state.required && state.phase !== "ready");
  return (
    <>
      <div role="status" className="notice-slot">
        {state.kind === "idle" && isLoading && (
          <p className="notice">Models are still loading. Jobs are taken now, and begin by themselves.</p>
        )}
        {state.kind === "accepted" && <p className="notice">{acceptedText(state.job, jobs, models)}</p>}
        {state.kind === "sending" && <p className="notice">Handing over…</p>}
      </div>
      {state.kind === "sending" && (
        <div className="sending">
          {state.totalBytes > 0 && <Sent sentBytes={state.sentBytes} totalBytes={state.totalBytes} />}
          <button type="button" className="plain" onClick={cancel}>
            Stop
          </button>
        </div>
      )}
      {(state.kind === "failed" || !isFileGood) && (
        <p role="alert" className="notice bad">
          {isFileGood && state.kind === "failed" ? state.detail : "A .txt, .csv or .jsonl file is needed."}
        </p>
      )}
    </>
  );
}

function Sent({ sentBytes, totalBytes }: { sentBytes: number; totalBytes: number }) {
  return (
    <>
      <progress aria-label="Sent" max={totalBytes} value={sentBytes} />
      <span className="hint">
        {percent(sentBytes / totalBytes)} of {bytes(totalBytes)}
      </span>
    </>
  );
}

/** As far as it still holds. */
function acceptedText(accepted: JobAnswer, jobs: NewJobProps["jobs"], models: NewJobProps["models"]): string {
  const job = jobs.find(({ job_uuid }) => job_uuid === accepted.job_uuid);
  const wait = job?.status === "pending" && waitOf(job.model, models.get(job.model));
  const leave = !(job && isTerminal(job)) && "You may leave this page.";
  return [`Accepted as ${nameOf(accepted)}.`, wait, leave].filter(Boolean).join(" ");
}

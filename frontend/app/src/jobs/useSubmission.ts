import type { JobAnswer } from "@greenroom/client";
import { FileChangedError, type JobInput, submitJob } from "@greenroom/client/jobs";
import { useGreenroom } from "@greenroom/react";
import { useEffect, useRef, useState } from "react";
import { detailOf } from "../usePreview";

export type SubmissionState =
  | { kind: "idle" }
  | { kind: "sending"; sentBytes: number; totalBytes: number }
  | { kind: "accepted"; job: JobAnswer }
  | { kind: "failed"; detail: string };

export interface Wanted {
  lines: readonly string[];
  file: File | null;
  column: string;
  model: string;
}

const IDLE: SubmissionState = { kind: "idle" };
/** What the server takes as JSON; more of it goes as a file. */
const MAX_INPUTS = 10_000;
const MAX_CHARACTERS = 1_000_000;

interface Told {
  onAccepted(job: JobAnswer): void;
  /** It can be read no more. */
  onFileChanged(): void;
}

/** One job at a time: handed over, given up, or said why not. */
export function useSubmission({ onAccepted, onFileChanged }: Told) {
  const greenroom = useGreenroom();
  const [state, setState] = useState(IDLE);
  const abort = useRef<AbortController | null>(null);
  /** The same wish, pressed again after a failure, is the same job. */
  const key = useRef({ wish: "", value: "" });
  useEffect(() => () => abort.current?.abort(), []);

  async function run(wanted: Wanted) {
    const mine = new AbortController();
    abort.current = mine;
    const tell = (news: SubmissionState) => abort.current === mine && setState(news);
    tell({ kind: "sending", sentBytes: 0, totalBytes: 0 });
    try {
      const { state: job } = await submitJob(
        greenroom,
        { ...inputOf(wanted), ...(wanted.model && { model: wanted.model }), idempotencyKey: keyOf(wanted) },
        { signal: mine.signal, onUpload: (progress) => tell({ kind: "sending", ...progress }) },
      );
      key.current.wish = "";
      if (job === null || abort.current !== mine) return;
      tell({ kind: "accepted", job });
      onAccepted(job);
    } catch (error) {
      if (error instanceof FileChangedError) onFileChanged();
      tell(mine.signal.aborted ? IDLE : { kind: "failed", detail: detailOf(error) });
    } finally {
      if (abort.current === mine) abort.current = null;
    }
  }

  function keyOf({ file, ...rest }: Wanted): string {
    const wish = JSON.stringify([rest, file && [file.name, file.size, file.lastModified]]);
    if (wish !== key.current.wish) key.current = { wish, value: newKey() };
    return key.current.value;
  }

  return {
    state,
    send(wanted: Wanted) {
      const isSomething = wanted.file === null ? wanted.lines.length > 0 : isAcceptable(wanted.file);
      if (abort.current === null && isSomething) void run(wanted);
    },
    cancel: () => abort.current?.abort(),
    clear: () => abort.current === null && setState(IDLE),
  };
}

export function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}

export function isAcceptable(file: File): boolean {
  return /\.(txt|csv|tsv|jsonl|ndjson)$/i.test(file.name);
}

function inputOf({ lines, file, column }: Wanted): JobInput {
  if (file !== null) return { file, ...(column.trim() && { column: column.trim() }) };
  const characters = lines.reduce((sum, line) => sum + line.length, 0);
  if (lines.length <= MAX_INPUTS && characters <= MAX_CHARACTERS) return { inputs: lines };
  return { file: new Blob([lines.join("\n")], { type: "text/plain" }) };
}

function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");
}

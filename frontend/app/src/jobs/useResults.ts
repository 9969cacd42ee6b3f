import type { JobResult } from "@greenroom/client";
import { job } from "@greenroom/client/jobs";
import { useGreenroom } from "@greenroom/react";
import { useEffect, useState } from "react";
import { problemOf } from "./useJobs";

/** `row` and what is too long of a text are in a download. */
export type ResultRow = Omit<JobResult, "embedding" | "row">;

export interface ResultsRead {
  rows: readonly ResultRow[];
  /** How many rows have which label; `null`: none. Most first. */
  labels: readonly (readonly [string | null, number])[];
  count: number;
  /** Of a vector, where the results are vectors. */
  dimension: number | null;
  isComplete: boolean;
  problem: string | null;
}

/** Kept by the page; the chart counts all of them. */
export const MAX_ROWS = 100_000;
/** A table that is painted anew for each row would never be done. */
const PAINT_EVERY_ROWS = 2_000;
/** Of one text: a hundred thousand of them are kept. */
const MAX_CHARACTERS = 500;
/** A vector is float32. */
const BYTES_PER_NUMBER = 4;

/** The rows that a job has, as they come; another turn reads anew. Vectors are not kept: they are for programs. */
export function useResults(id: string, turn: number): ResultsRead {
  const greenroom = useGreenroom();
  const [read, setRead] = useState<ResultsRead>(() => shown(newGathering(), false, null));
  // biome-ignore lint/correctness/useExhaustiveDependencies: another turn reads anew.
  useEffect(() => {
    const abort = new AbortController();
    const gathering = newGathering();
    const show = (isComplete: boolean, problem: string | null = null) =>
      abort.signal.aborted || setRead(shown(gathering, isComplete, problem));
    async function readAll() {
      for await (const row of job(greenroom, id).results({ inputs: true, signal: abort.signal })) {
        gather(gathering, row);
        if (gathering.count % PAINT_EVERY_ROWS === 0) show(false);
      }
    }
    readAll().then(
      () => show(true),
      (error: unknown) => show(false, problemOf(error)),
    );
    return () => abort.abort();
  }, [greenroom, id, turn]);
  return read;
}

interface Gathering {
  rows: ResultRow[];
  labels: Map<string | null, number>;
  count: number;
  dimension: number | null;
}

const newGathering = (): Gathering => ({ rows: [], labels: new Map(), count: 0, dimension: null });

function gather(gathering: Gathering, { embedding, row, text = null, ...rest }: JobResult): void {
  gathering.count += 1;
  if (embedding) gathering.dimension ??= atob(embedding).length / BYTES_PER_NUMBER;
  if (gathering.rows.length < MAX_ROWS)
    gathering.rows.push({ ...rest, text: shortened(text ?? wordsOf(row)) });
  const label = rest.label ?? null;
  if (label !== null || !embedding) gathering.labels.set(label, (gathering.labels.get(label) ?? 0) + 1);
}

/** A tabular model's row, for a person to read. */
function wordsOf(row: JobResult["row"]): string | null {
  if (row == null) return null;
  return Object.entries(row)
    .map(([name, value]) => `${name}: ${value ?? "–"}`)
    .join(" · ");
}

const shortened = (text: string | null) =>
  text !== null && text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}…` : text;

function shown(
  { rows, labels, ...rest }: Gathering,
  isComplete: boolean,
  problem: string | null,
): ResultsRead {
  const sorted = [...labels].sort(([, left], [, right]) => right - left);
  return { rows: rows.slice(), labels: sorted, ...rest, isComplete, problem };
}

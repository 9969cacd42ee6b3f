import type { JobAnswer, JobState } from "@greenroom/client";
import { isTerminal, type JobsPage, listJobs, watchJobs } from "@greenroom/client/jobs";
import { useGreenroom } from "@greenroom/react";
import { useCallback, useEffect, useRef, useState } from "react";
import { lastSkip, PAGE_SIZE, type Place, readPlace, writePlace } from "./place";
import { useSoon } from "./useSoon";
import { nameOf, STATES } from "./words";

const LOOK_AGAIN_MS = 5_000;

export interface Jobs {
  /** `null` before the first look. */
  page: JobsPage | null;
  /** Why nothing is heard of the server just now. */
  problem: string | null;
  /** For a voice: what has ended. */
  news: string;
  status: JobState | undefined;
  skip: number;
  turnTo(skip: number): void;
  filter(status: JobState | undefined): void;
  /** What an order has answered. */
  update(job: JobAnswer): void;
  /** A new one: where the list begins. */
  showFirst(job: JobAnswer): void;
}

/** Another turn looks again. */
type Looked = Place & { turn: number };

/** One page of the list, kept up to date by the socket that tells of all jobs. */
export function useJobs(): Jobs {
  const [place, setPlace] = useState<Looked>(() => ({ ...readPlace(), turn: 0 }));
  const [page, setPage] = useState<JobsPage | null>(null);
  const [news, setNews] = useState("");
  const lookAgain = useCallback(() => setPlace((before) => ({ ...before, turn: before.turn + 1 })), []);
  useEffect(() => writePlace(place), [place]);
  const turnTo = useCallback((skip: number) => setPlace((before) => ({ ...before, skip })), []);
  const { problem, overtaking } = useLook(place, { setPage, turnTo, lookAgain });
  const lookSoon = useSoon(lookAgain, () => overtaking.current !== null);
  const shown = useRef(page);
  shown.current = page;

  function update(job: JobAnswer) {
    const known = shown.current?.jobs.find(({ job_uuid }) => job_uuid === job.job_uuid);
    overtaking.current?.set(job.job_uuid, job);
    const hasMoved = known?.status !== job.status;
    if (known !== undefined) setPage(withJob(job));
    if (known !== undefined && hasMoved && isTerminal(job))
      setNews(`${nameOf(job)}: ${STATES[job.status].label}.`);
    if (known === undefined || (hasMoved && place.status !== undefined)) lookSoon();
  }

  const trouble = useWatch(update, lookAgain);
  return {
    page,
    problem: problem ?? trouble,
    news,
    status: place.status,
    skip: place.skip,
    update,
    turnTo,
    filter: (status) => setPlace({ ...place, status, skip: 0 }),
    showFirst: () => setPlace({ status: undefined, skip: 0, turn: place.turn + 1 }),
  };
}

const withJob = (job: JobAnswer) => (page: JobsPage | null) =>
  page && { ...page, jobs: page.jobs.map((each) => (each.job_uuid === job.job_uuid ? job : each)) };

interface AfterLook {
  setPage(page: JobsPage): void;
  turnTo(skip: number): void;
  lookAgain(): void;
}

/**
 * One look for each place; after a failure another one. What is known stays meanwhile. `overtaking`: while a look is
 * under way, what is newer than its answer may be.
 */
function useLook({ status, skip, turn }: Looked, { setPage, turnTo, lookAgain }: AfterLook) {
  const greenroom = useGreenroom();
  const [problem, setProblem] = useState<string | null>(null);
  const overtaking = useRef<Map<string, JobAnswer> | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another turn looks again.
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const newer = new Map<string, JobAnswer>();
    overtaking.current = newer;
    listJobs(greenroom, { status, skip, limit: PAGE_SIZE, signal: abort.signal }).then(
      (page) => {
        if (abort.signal.aborted) return;
        overtaking.current = null;
        setProblem(null);
        const last = lastSkip(page.total);
        if (page.jobs.length === 0 && skip > last) return turnTo(last);
        setPage({ ...page, jobs: page.jobs.map((job) => newer.get(job.job_uuid) ?? job) });
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        overtaking.current = null;
        setProblem(problemOf(error));
        timer = setTimeout(lookAgain, LOOK_AGAIN_MS);
      },
    );
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [greenroom, status, skip, turn, setPage, turnTo, lookAgain]);
  return { problem, overtaking };
}

/** Tells each change. Returns why the server is not heard of; once it is again, the list is looked at. */
function useWatch(update: (job: JobAnswer) => void, lookAgain: () => void): string | null {
  const greenroom = useGreenroom();
  const [trouble, setTrouble] = useState<string | null>(null);
  const latest = useRef(update);
  latest.current = update;
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    function onTrouble(reason: unknown) {
      setTrouble(reason === null ? null : problemOf(reason));
      if (reason === null) lookAgain();
    }
    async function watch() {
      try {
        for await (const job of watchJobs(greenroom, { signal: abort.signal, onTrouble }))
          latest.current(job);
      } catch {
        if (abort.signal.aborted) return;
        // Its patience is over; the look says what is wrong.
        onTrouble(null);
        timer = setTimeout(watch, LOOK_AGAIN_MS);
      }
    }
    void watch();
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [greenroom, lookAgain]);
  return trouble;
}

export function problemOf(error: unknown): string {
  const isAway =
    error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError");
  return isAway || !(error instanceof Error) ? "The server cannot be reached just now." : error.message;
}

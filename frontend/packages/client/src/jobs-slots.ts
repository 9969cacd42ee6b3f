import type { JobAnswer } from "./protocol.gen.ts";

/** What was not told yet: the newest state of each job, so that a slow reader costs no memory. */
export interface JobSlots {
  put(job: JobAnswer): void;
  next(): Promise<JobAnswer>;
  /** What is there is told before. */
  fail(reason: unknown): void;
}

/** Jobs whose last told state is remembered; of others one may be told twice. */
const MAX_JOBS = 1_000;

export function createJobSlots(): JobSlots {
  const untold = new Map<string, JobAnswer>();
  const latest = new Map<string, JobAnswer>();
  let waiting: { resolve(job: JobAnswer): void; reject(reason: unknown): void } | null = null;
  let failure: { reason: unknown } | null = null;

  function take(): JobAnswer | undefined {
    const [first] = untold.values();
    if (first !== undefined) untold.delete(first.job_uuid);
    return first;
  }

  return {
    put(job) {
      const known = latest.get(job.job_uuid);
      if (known !== undefined && (isSame(known, job) || isOlder(job, known))) return;
      for (const map of [untold, latest]) keep(map, job);
      const waiter = waiting;
      const first = waiter && take();
      waiting = null;
      if (first) waiter?.resolve(first);
    },
    next() {
      const first = take();
      if (first !== undefined) return Promise.resolve(first);
      if (failure !== null) return Promise.reject(failure.reason);
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
      });
    },
    fail(reason) {
      failure ??= { reason };
      waiting?.reject(reason);
      waiting = null;
    },
  };
}

function keep(map: Map<string, JobAnswer>, job: JobAnswer): void {
  map.delete(job.job_uuid);
  map.set(job.job_uuid, job);
  for (const id of map.keys()) if (map.size > MAX_JOBS) map.delete(id);
}

function isSame(left: JobAnswer, right: JobAnswer): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** A frame that was under way while a look was answered. */
function isOlder(job: JobAnswer, known: JobAnswer): boolean {
  return job.status === known.status && job.started_at === known.started_at && job.done < known.done;
}

import type { JobAnswer } from "../src/index.ts";
import { job } from "../src/jobs.ts";
import { createFakeWorld } from "../src/testing.ts";
import { example } from "./examples.ts";

export const PROCESSING = example("job-answer-processing") as JobAnswer;
export const PENDING: JobAnswer = {
  ...PROCESSING,
  status: "pending",
  started_at: null,
  progress: 0,
  done: 0,
};
export const COMPLETED: JobAnswer = { ...PROCESSING, status: "completed", progress: 100, done: 2000 };
export const ID = PROCESSING.job_uuid;
export const lost = () => Promise.reject(new TypeError("network"));
export const problem = (status: number, slug: string, headers: Record<string, string> = {}) =>
  Response.json({ type: `/problems/${slug}`, title: slug, status, detail: slug }, { status, headers });
export const at = (done: number): JobAnswer => ({ ...PROCESSING, done, progress: Math.floor(done / 20) });

export function open() {
  const world = createFakeWorld();
  const caller = { url: "http://here/base/", seams: world.seams };
  const asked = () => world.calls.map(({ url, init }) => `${init?.method ?? "GET"} ${url}`);
  return { world, caller, asked };
}

/** Everything that iterating gives, as it comes. */
export function collect(states: AsyncIterable<JobAnswer>) {
  const heard: JobAnswer[] = [];
  const end = (async () => {
    for await (const state of states) heard.push(state);
  })();
  end.catch(() => {});
  return { heard, end };
}

export function followed(options = {}) {
  const { world, caller, asked } = open();
  return { world, asked, ...collect(job(caller, ID, options)) };
}

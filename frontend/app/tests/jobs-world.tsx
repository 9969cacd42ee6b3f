import type { JobAnswer, ModelReport } from "@greenroom/client";
import type { FakeSocket } from "@greenroom/client/testing";
import { settle } from "@greenroom/client/testing";
import { act, screen, within } from "@testing-library/react";
import { vi } from "vitest";
import { example, stillStage } from "../../packages/react/tests/world";
import { Jobs } from "../src/jobs/Jobs";
import { reportOf, statusOf } from "./models-world";

export const NAMED = example("job-answer-processing") as JobAnswer;
export const PROCESSING: JobAnswer = { ...NAMED, name: null };
export const COMPLETED = example("job-answer-completed") as JobAnswer;
export const FAILED = example("job-answer-failed") as JobAnswer;
export const PENDING: JobAnswer = {
  ...PROCESSING,
  status: "pending",
  started_at: null,
  done: 0,
  progress: 0,
  bad_lines: [],
  bad_line_count: 0,
};

export const RESULTS = [
  { text: "one", label: "positive", score: 0.99 },
  { text: "two", label: "negative", score: 0.8 },
  { text: "three", label: "positive", score: 0.7, truncated: true },
  { text: "four", error: { code: "invalid-input", message: "The text is empty." } },
];

export interface JobCall {
  method: string;
  /** With the query. */
  path: string;
  body: unknown;
  headers: Headers;
}

interface Opened {
  jobs?: JobAnswer[];
  models?: ModelReport[];
  /** Instead of the list; `null`: as without it. */
  answer?: (call: JobCall) => Response | Promise<Response> | null;
}

/** The Jobs page over a scripted server: `server.jobs` is the list, `say` what the socket of all jobs tells. */
export async function openJobs({ jobs = [], models = [reportOf()], answer = () => null }: Opened = {}) {
  vi.stubGlobal("XMLHttpRequest", undefined);
  const all = stillStage(null);
  vi.stubGlobal("fetch", async () => Response.json(statusOf(...models)));
  const calls: JobCall[] = [];
  const server = { jobs, total: null as number | null, answer };
  const { world } = all;
  world.answer = async (url, init) => {
    const { pathname, search } = new URL(url);
    const method = init?.method ?? "GET";
    const call = { method, path: pathname + search, body: init?.body, headers: new Headers(init?.headers) };
    if (!pathname.startsWith("/jobs")) throw new TypeError("network");
    calls.push(call);
    const total = String(server.total ?? server.jobs.length);
    return server.answer(call) ?? Response.json(server.jobs, { headers: { "X-Total-Count": total } });
  };
  all.show(<Jobs />);
  await all.advance(300);
  const line = () => world.sockets.filter(({ url }) => url.endsWith("/ws/jobs")).at(-1) as FakeSocket;
  const tellJob = (...states: JobAnswer[]) =>
    act(async () => {
      for (const state of states) {
        line().say(state);
        await settle();
      }
    });
  return { ...all, calls, server, tellJob };
}

export function jobCard(job: JobAnswer) {
  return within(screen.getByRole("article", { name: `Job ${job.job_uuid.slice(0, 8)}` }));
}

/** `GET …/results` as JSON Lines. */
export function rows(...all: object[]): Response {
  return new Response(all.map((row, index) => `${JSON.stringify({ index, ...row })}\n`).join(""));
}

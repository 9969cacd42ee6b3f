import type { JobAnswer, PredictAnswer } from "@greenroom/client";
import { act, cleanup, fireEvent, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { example, expectAccessible, HELLO, snapshot, stillStage } from "../../packages/react/tests/world";
import { Sentiment } from "../src/sentiment/Sentiment";

const ANSWER = example("predict-answer") as PredictAnswer;
const NEGATIVE: PredictAnswer = {
  ...ANSWER,
  label: "negative",
  score: 0.9,
  results: [{ label: "negative", score: 0.9, scores: { negative: 0.9, neutral: 0.06, positive: 0.04 } }],
};
const JOB = example("job-answer-processing") as JobAnswer;
const UNKNOWN = {
  type: "/problems/unknown-model",
  title: "x",
  status: 404,
  detail: "There is no model sentiment.",
};
const TYPING_PAUSE_MS = 300;

function sentimentIs(name: string, seq: number, required = false) {
  const base = snapshot(name);
  const models = base.models.slice(0, 1).map((model) => ({ ...model, name: "sentiment", required }));
  return { ...base, seq, round: 1, scope: ["sentiment"], models };
}

beforeEach(() => localStorage.clear());
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function open() {
  const all = stillStage(<Sentiment />);
  const field = screen.getByLabelText<HTMLTextAreaElement>("Your text");
  const write = (text: string) => fireEvent.change(field, { target: { value: text } });
  const asked = () => all.world.calls.filter(({ url }) => url.endsWith("/predict"));
  const sent = () => asked().map(({ init }) => JSON.parse(String(init?.body)));
  return { ...all, field, write, asked, sent };
}

test("nothing is asked and nothing is claimed before somebody writes", async () => {
  const { asked, say } = open();
  await say(HELLO, sentimentIs("queued", 1));
  expect(asked()).toHaveLength(0);
  expect(screen.queryByRole("heading", { name: "What the model reads" })).toBeNull();
  expect(document.querySelector("[data-greenroom-overlay]")).toBeNull();
});

test("a text is read a moment after the last key, once", async () => {
  const { write, sent, advance, world } = open();
  world.answer = () => Response.json(ANSWER);
  for (const text of ["I", "I love", "I love it"]) {
    write(text);
    await advance(TYPING_PAUSE_MS - 200);
  }
  expect(sent()).toEqual([]);
  await advance(TYPING_PAUSE_MS);
  expect(sent()).toEqual([{ text: "I love it", model: "sentiment" }]);
  expect(screen.getByText("Positive", { selector: ".verdict-label" })).toBeTruthy();
  expect(screen.getAllByText("99.9%")[0]).toBeTruthy();
});

test("all labels stand there as meters with their numbers", async () => {
  const { write, advance, world } = open();
  world.answer = () => Response.json(NEGATIVE);
  write("I hate it");
  await advance(TYPING_PAUSE_MS);
  const meters = screen.getAllByRole("meter");
  expect(meters.map((meter) => meter.getAttribute("aria-label"))).toEqual([
    "Negative",
    "Neutral",
    "Positive",
  ]);
  expect(meters.map((meter) => meter.getAttribute("value"))).toEqual(["0.9", "0.06", "0.04"]);
  expect(screen.getAllByText("90.0%")[1]).toBeTruthy();
});

test("a newer text calls the older one off, and the late answer to the older is not shown", async () => {
  const { write, advance, world, asked } = open();
  const answers: ((response: Response) => void)[] = [];
  world.answer = () => new Promise((resolve) => answers.push(resolve));
  write("I love it");
  await advance(TYPING_PAUSE_MS);
  write("I hate it");
  await advance(TYPING_PAUSE_MS);
  expect(asked()[0]?.init?.signal?.aborted).toBe(true);
  await act(async () => answers[1]?.(Response.json(NEGATIVE)));
  await act(async () => answers[0]?.(Response.json(ANSWER)));
  await advance(10);
  expect(screen.getByText("Negative", { selector: ".verdict-label" })).toBeTruthy();
});

test("a text written while the model loads is answered by itself when it is ready", async () => {
  let isReady = false;
  const { write, advance, world, say } = open();
  const refusal = () => new Response(JSON.stringify(sentimentIs("loading", 2)), { status: 425 });
  world.answer = () => (isReady ? Response.json(ANSWER) : refusal());
  await say(HELLO, sentimentIs("queued", 1));
  write("I love it");
  await advance(TYPING_PAUSE_MS);
  expect(screen.getByText(/The model is loaded on first use/)).toBeTruthy();
  await say(sentimentIs("loading", 3));
  expect(document.querySelector("[data-greenroom-overlay]")).toBeTruthy();
  isReady = true;
  await say(sentimentIs("ready", 4));
  expect(screen.getByText("Positive", { selector: ".verdict-label" })).toBeTruthy();
  expect(screen.queryByText(/loaded on first use/)).toBeNull();
});

test("a failure says why, and the same text can be asked again", async () => {
  const { write, advance, world, user } = open();
  world.answer = () => Response.json({ detail: "The model took longer than 10 s." }, { status: 504 });
  write("I love it");
  await advance(TYPING_PAUSE_MS);
  expect(screen.getByRole("alert").textContent).toBe("The model took longer than 10 s.");
  world.answer = () => Response.json(ANSWER);
  await user.click(screen.getByRole("button", { name: "Ask again" }));
  await advance(10);
  expect(screen.getByText("Positive", { selector: ".verdict-label" })).toBeTruthy();
  expect(screen.queryByRole("alert")).toBeNull();
});

/** A server with `USE_BACKGROUND_INFERENCE=true`. */
function openInBackground(rows: object[]) {
  const all = open();
  const { world } = all;
  world.answer = (url, init) => {
    if (url.includes("/results")) return new Response(rows.map((row) => JSON.stringify(row)).join("\n"));
    return Response.json(JOB, {
      status: init?.method === "DELETE" ? 202 : url.endsWith("/predict") ? 202 : 200,
    });
  };
  const tellJob = (state: Partial<JobAnswer>) =>
    act(async () => world.sockets.find(({ url }) => url.includes("/ws/jobs/"))?.say({ ...JOB, ...state }));
  const orders = () => world.calls.map(({ url, init }) => `${init?.method ?? "GET"} ${url}`);
  return { ...all, tellJob, orders };
}

test("a text that the server makes a job of is read once the job has ended", async () => {
  const { world, write, advance, tellJob, orders } = openInBackground([
    { index: 0, label: "negative", score: 0.9, scores: { negative: 0.9, neutral: 0.1 }, truncated: true },
  ]);
  write("I hate it");
  await advance(TYPING_PAUSE_MS);
  expect(screen.getByText("Reading…")).toBeTruthy();
  const link = world.sockets.find(({ url }) => !url.includes("/ws/jobs/"));
  await act(async () => [HELLO, sentimentIs("loading", 1)].map((message) => link?.say(message)));
  expect(screen.getByText(/Your text is read by itself as soon as it is ready/)).toBeTruthy();
  await tellJob({ status: "completed", model_version: "3" });
  await advance(100);
  expect(screen.queryByRole("alert")).toBeNull();
  expect(screen.getByText("Negative", { selector: ".verdict-label" })).toBeTruthy();
  expect(screen.getAllByRole("meter")).toHaveLength(2);
  expect(screen.getByText(/the end was left out/)).toBeTruthy();
  expect(screen.getByText(/Read by sentiment, version 3/)).toBeTruthy();
  expect(orders().some((order) => order.startsWith("DELETE"))).toBe(false);
});

test("a job that is read no more, for a newer text is there, is cancelled", async () => {
  const { write, advance, orders } = openInBackground([]);
  write("I hate it");
  await advance(TYPING_PAUSE_MS);
  write("I hate it, truly");
  await advance(TYPING_PAUSE_MS);
  expect(orders()).toContain(`DELETE http://here/jobs/${JOB.job_uuid}`);
});

test.each([
  [
    { status: "failed", error: { code: "x", message: "The worker ended." } } as const,
    [],
    "The worker ended.",
  ],
  [{ status: "cancelled" } as const, [], "The job of this text was cancelled."],
  [
    { status: "completed" } as const,
    [{ index: 0, error: { code: "invalid-input", message: "No letters." } }],
    "No letters.",
  ],
])("a job that brings no reading says why", async (end, rows, reason) => {
  const { write, advance, tellJob } = openInBackground([...rows]);
  write("I hate it");
  await advance(TYPING_PAUSE_MS);
  await tellJob(end);
  await advance(100);
  expect(screen.getByRole("alert").textContent).toBe(reason);
  expect(screen.getByRole("button", { name: "Ask again" })).toBeTruthy();
});

test("a server without the model says so plainly", async () => {
  const { write, advance, world } = open();
  world.answer = () => Response.json({ detail: "unknown" }, { status: 404 });
  write("I love it");
  await advance(TYPING_PAUSE_MS);
  expect(screen.getByRole("alert").textContent).toBe(
    "This server has no model named “sentiment”. Its operator can add one to greenroom.toml.",
  );
});

test("a line that the server refuses, for want of the model, says so before anybody writes", async () => {
  const { world, advance, drop } = open();
  world.answer = () => Response.json(UNKNOWN, { status: 404 });
  await drop(1006);
  await advance(3_000);
  expect(screen.getByRole("alert").textContent).toContain("no model named “sentiment”");
  expect(document.querySelector("[data-greenroom-overlay]")).toBeNull();
});

test("an empty text takes the answer away", async () => {
  const { write, advance, world } = open();
  world.answer = () => Response.json(ANSWER);
  write("I love it");
  await advance(TYPING_PAUSE_MS);
  write("  ");
  await advance(TYPING_PAUSE_MS);
  expect(screen.queryByText("Positive", { selector: ".verdict-label" })).toBeNull();
});

test("a text that was cut is said to be cut", async () => {
  const { write, advance, world } = open();
  world.answer = () => Response.json({ ...ANSWER, truncated: [0] });
  write("long");
  await advance(TYPING_PAUSE_MS);
  expect(screen.getByText(/longer than the model reads/)).toBeTruthy();
});

test("a voice hears the last answer of somebody who writes on, not each", async () => {
  const { write, advance, world } = open();
  const heard = () =>
    screen
      .getAllByRole("status")
      .map(({ textContent }) => textContent)
      .join();
  world.answer = () => Response.json(ANSWER);
  write("I love it");
  await advance(TYPING_PAUSE_MS);
  world.answer = () => Response.json(NEGATIVE);
  write("I love it not");
  await advance(TYPING_PAUSE_MS + 100);
  expect(heard()).not.toContain("Negative, 90.0%");
  await advance(1_200);
  expect(heard()).toContain("Negative, 90.0%");
});

test("the text is still there after a reload, and is read again", async () => {
  localStorage.setItem("greenroom.sentiment.draft", "I love it");
  const { sent, advance, world } = open();
  world.answer = () => Response.json(ANSWER);
  await advance(TYPING_PAUSE_MS);
  expect(sent().at(-1)).toEqual({ text: "I love it", model: "sentiment" });
});

test("the page with an answer is accessible", async () => {
  const { write, advance, world, page } = open();
  world.answer = () => Response.json({ ...ANSWER, truncated: [0] });
  write("I love it");
  await advance(TYPING_PAUSE_MS);
  await expectAccessible(page.container);
});

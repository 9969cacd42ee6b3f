import { cleanup, fireEvent, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { expectAccessible } from "../../packages/react/tests/world";
import { COMPLETED, FAILED, jobCard, openJobs, PENDING, PROCESSING, RESULTS, rows } from "./jobs-world";
import { problem, reportOf, stateOf } from "./models-world";

beforeEach(() => localStorage.clear());
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

const write = (text: string) =>
  fireEvent.change(screen.getByLabelText("Texts, one on each line"), { target: { value: text } });
const start = () => fireEvent.click(screen.getByRole("button", { name: "Start the job" }));
const chosen = (name: string, text = "a") =>
  fireEvent.change(screen.getByLabelText("File"), { target: { files: [new File([text], name)] } });
const LOADING = reportOf({ state: stateOf("sentiment", { phase: "loading", progress: 45 }) });

test("pasted texts become one job, each line an input, and the field is free for the next", async () => {
  const { calls, advance } = await openJobs({
    answer: ({ method }) => (method === "POST" ? Response.json(PENDING, { status: 202 }) : null),
  });
  write("Delivery was early.\n\n  The box was crushed.  ");
  expect(screen.getByText("2 texts")).toBeTruthy();
  start();
  await advance(100);
  const [post] = calls.filter(({ method }) => method === "POST");
  expect(JSON.parse(String(post?.body))).toMatchObject({
    inputs: ["Delivery was early.", "The box was crushed."],
  });
  expect(screen.getByText(/^Accepted as Job 0b6ad1f4/)).toBeTruthy();
  expect(screen.getByLabelText<HTMLTextAreaElement>("Texts, one on each line").value).toBe("");
});

test("more texts than one call takes go as a file that nobody has given a name", async () => {
  const { calls, advance } = await openJobs({
    answer: ({ method }) => (method === "POST" ? Response.json(PENDING, { status: 202 }) : null),
  });
  write("good\n".repeat(10_001));
  start();
  await advance(100);
  const [post] = calls.filter(({ method }) => method === "POST");
  expect([post?.path, post?.headers.get("Content-Type")]).toEqual(["/jobs", "text/plain"]);
  expect(post?.body).toMatchObject({ size: 5 * 10_001 - 1 });
});

test("nothing is sent without a text, nor twice while it is under way", async () => {
  const { calls, advance } = await openJobs({
    answer: ({ method }) => (method === "POST" ? new Promise(() => {}) : null),
  });
  const posts = () => calls.filter(({ method }) => method === "POST").length;
  start();
  expect(posts()).toBe(0);
  write("a");
  start();
  start();
  await advance(100);
  expect(posts()).toBe(1);
  fireEvent.click(screen.getByRole("button", { name: "Stop" }));
  await advance(100);
  expect(screen.queryByText("Handing over…")).toBeNull();
});

test("what the server refuses is said, the text stays, and pressing again is the same job", async () => {
  const { calls, advance } = await openJobs({
    answer: ({ method }) => (method === "POST" ? problem(507, "The disk is full.") : null),
  });
  write("a");
  for (let press = 0; press < 2; press += 1) {
    start();
    await advance(100);
  }
  expect(screen.getByRole("alert").textContent).toBe("The disk is full.");
  expect(screen.getByLabelText<HTMLTextAreaElement>("Texts, one on each line").value).toBe("a");
  const keys = () =>
    calls.filter(({ method }) => method === "POST").map(({ headers }) => headers.get("Idempotency-Key"));
  expect([keys().length, new Set(keys()).size]).toEqual([2, 1]);
  write("b");
  start();
  await advance(100);
  expect(new Set(keys()).size).toBe(2);
});

test("the same texts, once they are a job, are another job when they are sent again", async () => {
  const { calls, advance } = await openJobs({
    answer: ({ method }) => (method === "POST" ? Response.json(PENDING, { status: 202 }) : null),
  });
  for (let time = 0; time < 2; time += 1) {
    write("a");
    start();
    await advance(100);
  }
  const posts = calls.filter(({ method }) => method === "POST");
  expect(new Set(posts.map(({ headers }) => headers.get("Idempotency-Key"))).size).toBe(2);
});

test("a dropped file is handed over as it is, with its column", async () => {
  const { calls, advance } = await openJobs({
    answer: ({ method }) => (method === "POST" ? Response.json(PENDING, { status: 202 }) : null),
  });
  const file = new File(["review\nfine"], "reviews.csv");
  fireEvent.drop(screen.getByRole("region", { name: "New job" }), { dataTransfer: { files: [file] } });
  expect(screen.getByText("reviews.csv")).toBeTruthy();
  fireEvent.change(screen.getByLabelText("Column with the text"), { target: { value: "review" } });
  start();
  await advance(100);
  const [post] = calls.filter(({ method }) => method === "POST");
  expect([post?.path, post?.body, post?.headers.get("Content-Type")]).toEqual([
    "/jobs?column=review&name=reviews.csv",
    file,
    "text/csv",
  ]);
  expect(screen.queryByText("reviews.csv")).toBeNull();
});

test("a file of another kind is refused before it is sent, and can be removed", async () => {
  const { calls } = await openJobs();
  chosen("a.pdf");
  expect(screen.getByRole("alert").textContent).toBe("A .txt, .csv, .tsv or .jsonl file is needed.");
  start();
  expect(calls.every(({ method }) => method === "GET")).toBe(true);
  const remove = screen.getByRole("button", { name: "Remove the file" });
  remove.focus();
  fireEvent.click(remove);
  expect(screen.queryByRole("alert")).toBeNull();
  expect(document.activeElement).toBe(screen.getByLabelText("File"));
});

test("a file that was changed after it was chosen is to be chosen again", async () => {
  const { calls, advance } = await openJobs({
    answer: ({ method }) => (method === "POST" ? Promise.reject(new TypeError("network")) : null),
  });
  const file = new File(["a"], "a.csv");
  vi.spyOn(file, "slice").mockImplementation(() => {
    throw new DOMException("gone", "NotReadableError");
  });
  fireEvent.change(screen.getByLabelText("File"), { target: { files: [file] } });
  fireEvent.change(screen.getByLabelText("Column with the text"), { target: { value: "review" } });
  start();
  await advance(100);
  expect(screen.getByRole("alert").textContent).toMatch(/^The file has changed since it was chosen/);
  expect(calls.filter(({ method }) => method === "POST")).toHaveLength(1);
  chosen("a.csv");
  expect(screen.queryByRole("alert")).toBeNull();
  expect(screen.getByLabelText<HTMLInputElement>("Column with the text").value).toBe("review");
});

test("of two dropped files none is taken, and dropped text changes nothing", async () => {
  await openJobs();
  const drop = (...files: File[]) =>
    fireEvent.drop(screen.getByRole("region", { name: "New job" }), { dataTransfer: { files } });
  const [one, two] = [new File(["a"], "one.txt"), new File(["b"], "two.txt")];
  drop(one, two);
  expect(screen.getByRole("alert").textContent).toBe("One file makes one job: drop them one at a time.");
  expect(screen.getByLabelText("File")).toBeTruthy();
  drop(one);
  expect(screen.queryByRole("alert")).toBeNull();
  drop();
  expect(screen.getByText("one.txt")).toBeTruthy();
});

test("before the models are ready the page says that jobs are taken, and what each waits for", async () => {
  const { advance } = await openJobs({ jobs: [PENDING], models: [LOADING] });
  await advance(300);
  expect(screen.getByText(/Models are still loading. Jobs are taken now/)).toBeTruthy();
  expect(jobCard(PENDING).getByText("Waiting")).toBeTruthy();
  expect(jobCard(PENDING).getByText("Waits for sentiment (45% loaded). It begins by itself.")).toBeTruthy();
});

test("a model that nobody has asked for yet is said to be loaded for the job", async () => {
  const state = stateOf("sentiment", { phase: "queued", progress: 0, required: false });
  await openJobs({ jobs: [PENDING], models: [reportOf({ state, resident: false })] });
  expect(jobCard(PENDING).getByText("Waits for sentiment, which is loaded on first use.")).toBeTruthy();
  expect(screen.queryByText(/Models are still loading/)).toBeNull();
});

test("with several models one can be chosen", async () => {
  const other = reportOf({ state: stateOf("sentiment") });
  const { calls, advance } = await openJobs({
    models: [reportOf(), other],
    answer: ({ method }) => (method === "POST" ? Response.json(PENDING, { status: 202 }) : null),
  });
  fireEvent.change(screen.getByLabelText("Model"), { target: { value: "sentiment" } });
  write("a");
  start();
  await advance(100);
  expect(JSON.parse(String(calls.find(({ method }) => method === "POST")?.body)).model).toBe("sentiment");
});

test("what was said of a new job goes with what it says", async () => {
  const { server, advance, tellJob } = await openJobs({
    answer: ({ method }) => (method === "POST" ? Response.json(PENDING, { status: 202 }) : null),
  });
  server.jobs = [PENDING];
  write("a");
  start();
  await advance(100);
  const said = () => screen.getByText(/^Accepted as/).textContent;
  expect(said()).toBe("Accepted as Job 0b6ad1f4. Waits for its turn. You may leave this page.");
  await tellJob(PROCESSING);
  expect(said()).toBe("Accepted as Job 0b6ad1f4. You may leave this page.");
  await tellJob({ ...COMPLETED, job_uuid: PENDING.job_uuid });
  expect(said()).toBe("Accepted as Job 0b6ad1f4.");
});

test("what came of an order while the server was away is said until it is back", async () => {
  const { server, world, advance } = await openJobs({ jobs: [PROCESSING] });
  server.answer = () => Promise.reject(new TypeError("network"));
  for (const socket of world.sockets) socket.drop(1006);
  fireEvent.click(jobCard(PROCESSING).getByRole("button", { name: /^Cancel/ }));
  await advance(30_000);
  expect(jobCard(PROCESSING).getByText("The server cannot be reached just now.")).toBeTruthy();
  server.answer = () => null;
  await advance(10_000);
  expect(jobCard(PROCESSING).queryByText("The server cannot be reached just now.")).toBeNull();
});

test("a waiting job is cancelled, and then tried again", async () => {
  const cancelled = { ...PENDING, status: "cancelled" } as const;
  const { calls, advance } = await openJobs({
    jobs: [PENDING],
    answer: ({ method }) =>
      method === "DELETE" ? Response.json(cancelled) : method === "POST" ? Response.json(PENDING) : null,
  });
  fireEvent.click(jobCard(PENDING).getByRole("button", { name: /^Cancel/ }));
  await advance(100);
  expect(jobCard(PENDING).getByText("Cancelled")).toBeTruthy();
  fireEvent.click(jobCard(PENDING).getByRole("button", { name: /^Try again/ }));
  await advance(100);
  expect(jobCard(PENDING).getByText("Waiting")).toBeTruthy();
  expect(
    calls.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`),
  ).toEqual([`DELETE /jobs/${PENDING.job_uuid}`, `POST /jobs/${PENDING.job_uuid}/retry`]);
});

test("the focus stays on a card whose button was pressed", async () => {
  const running = { ...PROCESSING, done: 0 };
  const cancelling = { ...running, cancelling: true };
  const { advance, tellJob } = await openJobs({
    jobs: [running],
    answer: ({ method }) => (method === "DELETE" ? Response.json(cancelling, { status: 202 }) : null),
  });
  const cancel = jobCard(PROCESSING).getByRole("button", { name: /^Cancel/ });
  cancel.focus();
  fireEvent.click(cancel);
  await advance(100);
  expect(jobCard(PROCESSING).getByText("Being cancelled")).toBeTruthy();
  expect(document.activeElement).toBe(jobCard(PROCESSING).getByRole("contentinfo"));
  await tellJob({ ...running, status: "cancelled" });
  jobCard(PROCESSING).getByRole("button", { name: /^Try again/ });
});

test("an order that is refused says why", async () => {
  const { advance } = await openJobs({
    jobs: [FAILED],
    answer: ({ method }) => (method === "POST" ? problem(409, "The job has not ended.") : null),
  });
  fireEvent.click(jobCard(FAILED).getByRole("button", { name: /^Try again/ }));
  await advance(100);
  expect(jobCard(FAILED).getByText("The job has not ended.")).toBeTruthy();
});

test("a card has the whole id, and says of a job that ended early how far it came", async () => {
  await openJobs({ jobs: [COMPLETED, { ...FAILED, status: "cancelled", total: 1_300, done: 12 }] });
  const cancelled = jobCard(FAILED);
  expect(cancelled.getByText("12 of 1,300 inputs have results")).toBeTruthy();
  expect(cancelled.getByText(FAILED.job_uuid)).toBeTruthy();
  expect(cancelled.getByText(/^Download what there is/)).toBeTruthy();
  expect(jobCard(COMPLETED).queryByText(/have results/)).toBeNull();
});

test("a failed job says why, and lines that were no input are told by their number", async () => {
  const bad = { bad_lines: [{ line: 7, message: "is not UTF-8" }], bad_line_count: 300 };
  await openJobs({ jobs: [{ ...FAILED, ...bad }] });
  expect(jobCard(FAILED).getByText(/^The worker that ran it ended/)).toBeTruthy();
  expect(jobCard(FAILED).getByText("300 lines were left out")).toBeTruthy();
  expect(jobCard(FAILED).getByText("Line 7").parentElement?.textContent).toBe("Line 7 is not UTF-8.");
  expect(jobCard(FAILED).getByText("These are the first 1.")).toBeTruthy();
});

test("the page with everything on it is accessible", async () => {
  const bad = { bad_lines: [{ line: 7, message: "is not UTF-8" }], bad_line_count: 1 };
  const { page, server, advance } = await openJobs({
    jobs: [PENDING, { ...PROCESSING, ...bad, job_uuid: "another-job" }, FAILED, COMPLETED],
    models: [reportOf(), LOADING],
    answer: ({ path }) => (path.includes("/results") ? rows(...RESULTS) : null),
  });
  server.total = 40;
  fireEvent.click(jobCard(COMPLETED).getByRole("button", { name: /^Show results/ }));
  chosen("a.csv");
  await advance(6_000);
  for (const details of page.container.querySelectorAll("details")) details.open = true;
  await expectAccessible(page.container);
});

import { cleanup, fireEvent, screen, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { expectAccessible } from "../../packages/react/tests/world";
import { COMPLETED, FAILED, jobCard, openJobs, PENDING, PROCESSING, rows } from "./jobs-world";
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
const RESULTS = [
  { text: "one", label: "positive", score: 0.99 },
  { text: "two", label: "negative", score: 0.8 },
  { text: "three", label: "positive", score: 0.7, truncated: true },
  { text: "four", error: { code: "invalid-input", message: "The text is empty." } },
];

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
    "/jobs?column=review",
    file,
    "text/csv",
  ]);
  expect(screen.queryByText("reviews.csv")).toBeNull();
});

test("a file of another kind is refused before it is sent, and can be removed", async () => {
  const { calls } = await openJobs();
  chosen("a.pdf");
  expect(screen.getByRole("alert").textContent).toBe("A .txt, .csv or .jsonl file is needed.");
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

test("progress and the time left move with the socket, and the seconds with the clock", async () => {
  const { tellJob, advance } = await openJobs({ jobs: [PROCESSING] });
  const bar = () => jobCard(PROCESSING).getByRole("progressbar").getAttribute("aria-valuenow");
  expect(bar()).toBe("32");
  expect(jobCard(PROCESSING).getByText("640 of 2,000 · about 9 sec left")).toBeTruthy();
  await advance(2_100);
  expect(jobCard(PROCESSING).getByText("640 of 2,000 · about 7 sec left")).toBeTruthy();
  await tellJob({ ...PROCESSING, done: 1_000, progress: 50, estimated_seconds: 6 });
  expect(bar()).toBe("50");
  expect(jobCard(PROCESSING).getByText("1,000 of 2,000 · about 6 sec left")).toBeTruthy();
});

test("the end of a job is told to those who do not see it", async () => {
  const { tellJob } = await openJobs({ jobs: [PROCESSING] });
  await tellJob({ ...PROCESSING, status: "completed", progress: 100, done: 2_000, estimated_seconds: null });
  expect(jobCard(PROCESSING).queryByRole("progressbar")).toBeNull();
  expect(screen.getByText("Job 0b6ad1f4: Completed.").getAttribute("role")).toBe("status");
});

test("a job of another page appears by itself", async () => {
  const { server, tellJob, advance } = await openJobs({ jobs: [COMPLETED] });
  server.jobs = [PENDING, COMPLETED];
  await tellJob(PENDING);
  await advance(400);
  expect(
    screen.getAllByRole("article").map(({ ariaLabel: _, textContent }) => textContent?.slice(0, 12)),
  ).toEqual(["Job 0b6ad1f4", "Job 6f0b3f0a"]);
});

test("without a socket the page looks by itself", async () => {
  const { server, world, advance } = await openJobs({ jobs: [PROCESSING] });
  world.seams.openSocket = () => {
    throw new Error("no sockets here");
  };
  for (const socket of world.sockets) socket.drop(1006);
  server.jobs = [{ ...PROCESSING, done: 1_000, progress: 50 }];
  await advance(3_000);
  expect(jobCard(PROCESSING).getByRole("progressbar").getAttribute("aria-valuenow")).toBe("50");
});

test("a server that cannot be reached is said, and looked at again", async () => {
  const { server, advance, world } = await openJobs({
    answer: () => problem(503, "The store cannot be opened."),
  });
  expect(screen.getByText(/The store cannot be opened. The next look comes by itself/)).toBeTruthy();
  for (const socket of world.sockets) socket.say({ type: "ping", at: "" });
  server.answer = () => null;
  server.jobs = [COMPLETED];
  await advance(6_000);
  expect(jobCard(COMPLETED).getByText("Completed")).toBeTruthy();
});

test("a server that goes away is said within seconds, the countdown stops, and both mend by themselves", async () => {
  const { server, world, advance, tellJob } = await openJobs({ jobs: [PROCESSING] });
  await tellJob(PROCESSING);
  server.answer = () => Promise.reject(new TypeError("network"));
  for (const socket of world.sockets) socket.drop(1006);
  await advance(3_000);
  expect(
    screen.getByText(/^The server cannot be reached just now. What you see is what was known/),
  ).toBeTruthy();
  expect(jobCard(PROCESSING).getByText("640 of 2,000")).toBeTruthy();
  expect(jobCard(PROCESSING).getByText("Running").dataset.tone).toBe("quiet");
  server.answer = () => null;
  server.jobs = [{ ...PROCESSING, done: 660 }];
  await advance(8_000);
  expect(screen.queryByText(/cannot be reached/)).toBeNull();
  expect(jobCard(PROCESSING).getByText(/^660 of 2,000 · about \d sec left$/)).toBeTruthy();
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

test("the list is filtered by state on the server, and turned page by page", async () => {
  const { server, calls, advance } = await openJobs({ jobs: [COMPLETED] });
  server.total = 23;
  fireEvent.change(screen.getByLabelText("Show"), { target: { value: "failed" } });
  await advance(100);
  expect(calls.at(-1)?.path).toBe("/jobs?status=failed&skip=0&limit=10");
  const pages = within(screen.getByRole("navigation", { name: "Pages of jobs" }));
  fireEvent.click(pages.getByRole("button", { name: "Previous" }));
  fireEvent.click(pages.getByRole("button", { name: "Next" }));
  await advance(100);
  expect(calls.at(-1)?.path).toBe("/jobs?status=failed&skip=10&limit=10");
  expect(pages.getByText("11–20 of 23")).toBeTruthy();
  fireEvent.change(screen.getByLabelText("Show"), { target: { value: "" } });
  await advance(100);
  expect(calls.at(-1)?.path).toBe("/jobs?skip=0&limit=10");
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
  const cancelling = { ...PROCESSING, cancelling: true };
  const { advance, tellJob } = await openJobs({
    jobs: [PROCESSING],
    answer: ({ method }) => (method === "DELETE" ? Response.json(cancelling, { status: 202 }) : null),
  });
  const cancel = jobCard(PROCESSING).getByRole("button", { name: /^Cancel/ });
  cancel.focus();
  fireEvent.click(cancel);
  await advance(100);
  expect(jobCard(PROCESSING).getByText("Being cancelled")).toBeTruthy();
  expect(document.activeElement).toBe(jobCard(PROCESSING).getByRole("contentinfo"));
  await tellJob({ ...PROCESSING, status: "cancelled" });
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

test("a failed job says why, and lines that were no input are told by their number", async () => {
  const bad = { bad_lines: [{ line: 7, message: "is not UTF-8" }], bad_line_count: 300 };
  await openJobs({ jobs: [{ ...FAILED, ...bad }] });
  expect(jobCard(FAILED).getByText(/^The worker that ran it ended/)).toBeTruthy();
  expect(jobCard(FAILED).getByText("300 lines were left out")).toBeTruthy();
  expect(jobCard(FAILED).getByText("Line 7").parentElement?.textContent).toBe("Line 7 is not UTF-8.");
  expect(jobCard(FAILED).getByText("These are the first 1.")).toBeTruthy();
});

async function openResults(results: object[] = RESULTS) {
  const job = { ...COMPLETED, total: results.length, done: results.length };
  const all = await openJobs({
    jobs: [job],
    answer: ({ path }) => (path.includes("/results") ? rows(...results) : null),
  });
  fireEvent.click(jobCard(job).getByRole("button", { name: /^Show results/ }));
  await all.advance(100);
  const cells = () =>
    jobCard(job)
      .getAllByRole("row")
      .slice(1)
      .map((row) => [...row.children].map(({ textContent }) => textContent));
  return { ...all, card: jobCard(job), cells };
}

test("results are a table and a chart of the labels", async () => {
  const { card, cells } = await openResults();
  expect(cells()).toEqual([
    ["1", "one", "Positive", "99%", ""],
    ["2", "two", "Negative", "80%", ""],
    ["3", "three", "Positive", "70%", "Its end was left out: the text is longer than the model reads."],
    ["4", "four", "–", "–", "The text is empty."],
  ]);
  const bars = within(card.getByRole("list", { name: "Labels" })).getAllByRole("listitem");
  expect(bars.map(({ textContent }) => textContent)).toEqual([
    "Positive250%",
    "Negative125%",
    "No result125%",
  ]);
  expect(bars.map((bar) => bar.querySelector("rect")?.getAttribute("width"))).toEqual(["100%", "50%", "50%"]);
});

test("the chart begins with the most frequent label", async () => {
  const { card } = await openResults([RESULTS[1], RESULTS[0], RESULTS[0]] as object[]);
  const bars = within(card.getByRole("list", { name: "Labels" })).getAllByRole("listitem");
  expect(bars.map(({ textContent }) => textContent)).toEqual(["Positive266.7%", "Negative133.3%"]);
});

test("results are filtered by label", async () => {
  const { card, cells } = await openResults();
  const choose = (name: string) => {
    const field = card.getByLabelText<HTMLSelectElement>("Label");
    const option = within(field).getByRole<HTMLOptionElement>("option", { name });
    fireEvent.change(field, { target: { value: option.value } });
  };
  choose("Positive");
  expect(cells().map(([index]) => index)).toEqual(["1", "3"]);
  choose("No result");
  expect(cells().map(([index]) => index)).toEqual(["4"]);
});

test("results are filtered by text", async () => {
  const { card, cells } = await openResults();
  fireEvent.change(card.getByLabelText("Text contains"), { target: { value: "THRE" } });
  expect(cells().map(([, text]) => text)).toEqual(["three"]);
  fireEvent.change(card.getByLabelText("Text contains"), { target: { value: "nowhere" } });
  expect(card.getByText("No row to show.")).toBeTruthy();
});

test("each row has its text, of which the page keeps no more than a beginning", async () => {
  const { calls, cells } = await openResults([
    { ...RESULTS[0], text: "short" },
    { ...RESULTS[1], text: "x".repeat(501) },
  ]);
  expect(cells().map(([, text]) => text)).toEqual(["short", `${"x".repeat(500)}…`]);
  expect(calls.at(-1)?.path).toMatch(/results\?format=jsonl&inputs=true$/);
});

test("a row of a table is told in words", async () => {
  const { cells } = await openResults([
    { label: "positive", score: 0.99, row: { stars: 5, note: null, "is new": true } },
  ]);
  expect(cells()[0]?.[1]).toBe("stars: 5 · note: – · is new: true");
});

test("many rows are shown page by page, and another filter begins at the first", async () => {
  const { card, cells } = await openResults(
    Array.from({ length: 60 }, (_, row) => RESULTS[row % 2] as object),
  );
  expect(cells()).toHaveLength(25);
  const pages = within(card.getByRole("navigation", { name: "Pages of results" }));
  const next = pages.getByRole("button", { name: "Next" });
  for (let press = 0; press < 3; press += 1) fireEvent.click(next);
  expect(cells().map(([index]) => index)).toEqual(Array.from({ length: 10 }, (_, row) => `${row + 51}`));
  fireEvent.change(card.getByLabelText("Label"), { target: { value: "negative" } });
  expect(cells()[0]?.[0]).toBe("2");
});

test("results that cannot be read say why", async () => {
  const { advance } = await openJobs({
    jobs: [COMPLETED],
    answer: ({ path }) => (path.includes("/results") ? problem(404, "Job not found") : null),
  });
  fireEvent.click(jobCard(COMPLETED).getByRole("button", { name: /^Show results/ }));
  await advance(100);
  expect(screen.getByRole("alert").textContent).toBe("Job not found");
});

test("results are downloaded from the server in three formats", async () => {
  await openJobs({ jobs: [COMPLETED] });
  const hrefs = jobCard(COMPLETED)
    .getAllByRole("link")
    .map((link) => link.getAttribute("href"));
  const base = `http://here/jobs/${COMPLETED.job_uuid}/results?format=`;
  expect(hrefs).toEqual(["csv", "json", "jsonl"].map((format) => `${base}${format}&inputs=true`));
});

test("an empty list says so", async () => {
  await openJobs();
  expect(screen.getByText("There is no job yet.")).toBeTruthy();
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

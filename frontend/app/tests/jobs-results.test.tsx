import { cleanup, fireEvent, screen, within } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { COMPLETED, jobCard, openJobs, PROCESSING, RESULTS, rows } from "./jobs-world";
import { problem } from "./models-world";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
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
  expect(hrefs).toEqual(["csv", "json", "jsonl"].map((format) => `${base}${format}&inputs=true&bom=true`));
});

test("of vectors the page says that they are in the downloads, and shows the texts without empty columns", async () => {
  const embedding = btoa(String.fromCharCode(...new Uint8Array(8)));
  const { card, cells } = await openResults([
    { text: "one", embedding },
    { text: "two", embedding },
  ]);
  expect(card.getByText("Each text has become a vector of 2 numbers; the downloads have them.")).toBeTruthy();
  expect(card.getAllByRole("columnheader").map(({ textContent }) => textContent)).toEqual([
    "Input",
    "Text",
    "Note",
  ]);
  expect(cells()).toEqual([
    ["1", "one", ""],
    ["2", "two", ""],
  ]);
});

test("a job that runs shows what there is by now, and more when it is asked again", async () => {
  let results = RESULTS.slice(0, 2);
  const { advance, tellJob } = await openJobs({
    jobs: [PROCESSING],
    answer: ({ path }) => (path.includes("/results") ? rows(...results) : null),
  });
  const card = jobCard(PROCESSING);
  fireEvent.click(card.getByRole("button", { name: /^Show results/ }));
  await advance(100);
  expect(card.getByText("The first 2 of 2,000 inputs: the job goes on.")).toBeTruthy();
  expect(card.getAllByRole("row")).toHaveLength(3);
  results = RESULTS.slice(0, 3);
  fireEvent.click(card.getByRole("button", { name: /^Read again/ }));
  await advance(100);
  expect(card.getAllByRole("row")).toHaveLength(4);
  results = RESULTS;
  await tellJob({ ...COMPLETED, job_uuid: PROCESSING.job_uuid });
  await advance(100);
  expect(card.getAllByRole("row")).toHaveLength(5);
  expect(card.queryByText(/the job goes on/)).toBeNull();
});

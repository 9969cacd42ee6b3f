import { cleanup, fireEvent, screen, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { expectAccessible } from "../../packages/react/tests/world";
import { COMPLETED, jobCard, NAMED, openJobs, PENDING, PROCESSING, RESULTS, rows } from "./jobs-world";
import { problem } from "./models-world";

beforeEach(() => {
  localStorage.clear();
  history.replaceState(null, "", "/");
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
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

test("while jobs keep coming the list is looked at once a second, and once more after the last", async () => {
  const { calls, advance, tellJob } = await openJobs({ jobs: [COMPLETED] });
  const first = calls.length;
  const looks = () => calls.length - first;
  for (let job = 0; job < 20; job += 1) {
    await tellJob({ ...PENDING, job_uuid: `job-${job}` });
    await advance(200);
  }
  expect(looks()).toBeGreaterThanOrEqual(3);
  expect(looks()).toBeLessThanOrEqual(5);
  const before = looks();
  await tellJob({ ...PENDING, job_uuid: "the last" });
  await advance(2_000);
  expect(looks()).toBe(before + 1);
});

test("a look that takes longer than jobs need to come is let through", async () => {
  const { server, calls, advance, tellJob } = await openJobs({ jobs: [COMPLETED] });
  const first = calls.length;
  const answers: (() => void)[] = [];
  server.answer = () =>
    new Promise((resolve) => answers.push(() => resolve(Response.json([PENDING], { status: 200 }))));
  for (let job = 0; job < 20; job += 1) {
    await tellJob({ ...PENDING, job_uuid: `job-${job}` });
    await advance(200);
  }
  expect(calls).toHaveLength(first + 1);
  answers[0]?.();
  await advance(0);
  expect(jobCard(PENDING)).toBeTruthy();
  await advance(1_500);
  expect(calls).toHaveLength(first + 2);
});

test("what the socket tells while a look is under way is not taken back by its answer", async () => {
  const { server, advance, tellJob } = await openJobs({ jobs: [PROCESSING] });
  let answer = () => {};
  server.answer = () =>
    new Promise((resolve) => {
      answer = () => resolve(Response.json([{ ...PENDING, job_uuid: "new" }, PROCESSING]));
    });
  await tellJob({ ...PENDING, job_uuid: "new" });
  await advance(400);
  await tellJob({ ...COMPLETED, job_uuid: PROCESSING.job_uuid });
  answer();
  await advance(100);
  expect(screen.getByRole("article", { name: "Job new" })).toBeTruthy();
  expect(jobCard(PROCESSING).getByText("Completed")).toBeTruthy();
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

test("page and filter are in the address, so that a reload keeps them", async () => {
  history.replaceState(null, "", "/app/jobs?mine=1#here");
  const first = await openJobs({ jobs: [COMPLETED] });
  first.server.total = 40;
  fireEvent.change(screen.getByLabelText("Show"), { target: { value: "completed" } });
  await first.advance(100);
  fireEvent.click(screen.getByRole("button", { name: "Next" }));
  await first.advance(100);
  expect(location.href).toMatch(/\/app\/jobs\?mine=1&status=completed&page=2#here$/);
  cleanup();
  const { calls } = await openJobs({ jobs: [COMPLETED] });
  expect(calls.at(-1)?.path).toBe("/jobs?status=completed&skip=10&limit=10");
  expect(screen.getByLabelText<HTMLSelectElement>("Show").value).toBe("completed");
});

test.each(["status=nonsense&page=-3", "page=1e99", "page=x", "page=1.5"])(
  "an address that means nothing (%s) is the first page of all",
  async (query) => {
    history.replaceState(null, "", `/app/jobs?${query}`);
    const { calls } = await openJobs({ jobs: [COMPLETED] });
    expect(calls.at(-1)?.path).toBe("/jobs?skip=0&limit=10");
  },
);

test("a page beyond the last one becomes the last one", async () => {
  history.replaceState(null, "", "/app/jobs?page=9");
  const { calls } = await openJobs({
    jobs: [COMPLETED],
    answer: ({ path }) =>
      path.includes("skip=80") ? Response.json([], { headers: { "X-Total-Count": "23" } }) : null,
  });
  expect(calls.at(-1)?.path).toBe("/jobs?skip=20&limit=10");
});

test("an empty list says so", async () => {
  await openJobs();
  expect(screen.getByText("There is no job yet.")).toBeTruthy();
});

test("files are told apart by their names, also the same one sent twice", async () => {
  const once = { ...NAMED, job_uuid: "11111111" };
  const again = { ...NAMED, job_uuid: "22222222" };
  const { page, tellJob } = await openJobs({
    jobs: [again, once, PROCESSING],
    answer: ({ path }) => (path.includes("/results") ? rows(...RESULTS) : null),
  });
  expect(screen.getAllByRole("heading", { level: 3 }).map(({ textContent }) => textContent)).toEqual([
    "reviews.csv",
    "reviews.csv",
    "Job 0b6ad1f4",
  ]);
  expect(screen.getByRole("button", { name: "Cancel reviews.csv (job 22222222)" })).toBeTruthy();
  for (const show of screen.getAllByRole("button", { name: /^Show results reviews/ })) fireEvent.click(show);
  await tellJob({ ...once, status: "completed", progress: 100 });
  expect(screen.getByText("reviews.csv (job 11111111): Completed.")).toBeTruthy();
  await expectAccessible(page.container);
});

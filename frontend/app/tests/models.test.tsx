import { act, cleanup, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { expectAccessible } from "../../packages/react/tests/world";
import { card, expectSaid, fact, openModels, reportOf, snapshotOf, stateOf, statusOf } from "./models-world";

const TARGET = { version: "3", phase: "loading", progress: 43, error: null } as const;
const ERROR = { code: "version-refused", message: "The vectors differ too much.", temporary: false } as const;
const FULL = reportOf({
  state: stateOf("minilm", {
    version: "2",
    target: TARGET,
    previous: { version: "1", phase: "queued", progress: 0, error: null },
  }),
  stage: "production",
  pinned: true,
  gate: {
    version: "2",
    against: "1",
    passed: true,
    checks: [{ name: "cosine", passed: true, detail: "0.998, at least 0.95 is needed" }],
    at: "2026-01-01T10:00:00.000Z",
  },
  refused_versions: [
    { version: "9", error: ERROR, tries: 2, retry_at: null, at: "2026-01-01T10:00:00.000Z" },
  ],
  files: [{ path: "model.safetensors", bytes: 90_868_376, sha256: "ab".repeat(32), cached: true }],
  load_history: [
    { version: "1", at: null, seconds: { import: 2, weights: 1 } },
    { version: "2", at: "2026-01-01T10:00:00.000Z", seconds: { import: 0.5, weights: 0.25, warmup: 0.25 } },
  ],
});

beforeEach(() => sessionStorage.clear());
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("a serving model is shown with its version, its memory and where it runs", async () => {
  await openModels(reportOf({ state: stateOf("minilm", { version: "2" }), stage: "production" }));
  expect(card().getByText("Ready")).toBeTruthy();
  expect(card().getByText(/^follows/).textContent).toBe("follows production");
  expect(fact("Memory")).toBe("412 MB");
  expect(fact("Runs on")).toBe("cpu, float32");
  expect(fact("Previous")).toBeUndefined();
  expect(screen.getByText(/in memory/).textContent).toMatch(/^1 of 1 in memory, 412 MBat most 5 at a time/);
});

test("the page follows all models that the server lists, optional ones too", async () => {
  const optional = reportOf({ state: stateOf("sentiment", { required: false }) });
  const { followed, world } = await openModels(statusOf(reportOf(), optional));
  expect(followed.at(-1)).toEqual(["minilm", "sentiment"]);
  expect(world.socket().url).toContain("?models=minilm,sentiment");
});

test("progress moves with the socket, without another look at the details", async () => {
  const { say } = await openModels(reportOf());
  const loading = { phase: "loading", progress: 42, estimated_seconds: 9 } as const;
  await say(snapshotOf(2, stateOf("minilm", loading)));
  expect(card().getByRole("progressbar").getAttribute("aria-valuenow")).toBe("42");
  expect(card().getByText("Loading")).toBeTruthy();
  expect(card().getByText(/about 9 sec left/)).toBeTruthy();
});

test("what another life of the server said is not shown over what this one answers", async () => {
  const { say } = await openModels(reportOf());
  await say({ ...snapshotOf(2, stateOf("minilm", { phase: "loading" })), epoch: "another" });
  expect(card().getByText("Ready")).toBeTruthy();
});

test("a version that loads beside the serving one shows its progress", async () => {
  await openModels(FULL);
  expect(card().getByRole("progressbar", { name: "Loading Version 3" }).getAttribute("aria-valuenow")).toBe(
    "43",
  );
  expect(card().getByText(/loads beside version 2/)).toBeTruthy();
});

test("a version that could not take over says why, and that it is not tried again", async () => {
  await openModels(FULL);
  const refused = card().getByRole("list", { name: "Refused versions" });
  expect(refused.textContent).toContain("Version 9 was refused");
  expect(refused.textContent).toContain("after 2 tries: The vectors differ too much.");
  expect(refused.textContent).toContain("not tried again before the source names another version");
});

test("a source that gives no answer is said to, and that what serves goes on", async () => {
  const at = "2026-01-01T10:00:00.000Z";
  const error = { ...ERROR, message: "The registry does not answer." };
  await openModels(reportOf({ source_look: { at, error, failing_since: at } }));
  expect(card().getByText("The source gives no answer").parentElement?.textContent).toMatch(
    /since .*: The registry does not answer. What serves goes on./,
  );
});

test("a failure shows its reason and the time of the next try", async () => {
  const retry_at = "2026-01-01T10:00:05.000Z";
  await openModels(reportOf({ state: stateOf("minilm", { phase: "failed", error: ERROR, retry_at }) }));
  expect(card().getByText("Failed")).toBeTruthy();
  expect(card().getByText(/The vectors differ too much. The next try is at/)).toBeTruthy();
});

test("an optional model that nobody asked for is not said to be loading", async () => {
  const state = stateOf("minilm", { phase: "queued", progress: 0, required: false, version: null });
  await openModels(reportOf({ state, resident: false, memory_bytes: null, pid: null }));
  expect(card().getByText("Not in memory")).toBeTruthy();
  expect(card().queryByRole("progressbar")).toBeNull();
});

test("the gate's measurements and the files are there on demand", async () => {
  await openModels(FULL);
  await userEvent.click(card().getByText("Promotion gate: version 2 passed"));
  expect(card().getByText("0.998, at least 0.95 is needed")).toBeTruthy();
  await userEvent.click(card().getByText("1 file, 90.9 MB"));
  expect(card().getByText("model.safetensors")).toBeTruthy();
});

test("load times are drawn on one scale, and stand in a table as well", async () => {
  await openModels(FULL);
  const [latest, first] = card().getAllByRole("img");
  expect(latest?.getAttribute("aria-label")).toBe("Import 0.50 s, Weights 0.25 s, Warm-up 0.25 s");
  const widths = (bar?: HTMLElement) =>
    [...(bar?.querySelectorAll("rect") ?? [])].map((each) =>
      Math.round(Number.parseFloat(each.getAttribute("width") ?? "")),
    );
  expect(widths(first)).toEqual([67, 33]);
  expect(widths(latest)).toEqual([17, 8, 8]);
  await userEvent.click(card().getByText("As a table"));
  const [, latestRow, firstRow] = card().getAllByRole("row");
  expect(latestRow?.textContent).toMatch(/^2.*0\.50 s0\.25 s0\.25 s1\.00 s$/);
  expect(firstRow?.textContent).toBe("1not kept2.00 s1.00 s–3.00 s");
});

test("a server that answers no more leaves what was known, and says how old it is", async () => {
  const { server, say } = await openModels(reportOf());
  server.status = null as never;
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("network")));
  await say(snapshotOf(2, stateOf("minilm")));
  await screen.findByText(/cannot be reached just now. What you see is from/, {}, { timeout: 3_000 });
  expect(card().getByText("Ready")).toBeTruthy();
});

test("a server without models says so", async () => {
  const { page } = await openModels(statusOf());
  await expectSaid(/No model is configured/);
  expect(page.container.querySelector("article")).toBeNull();
});

test("nobody is asked while the page is hidden, and at once when it is seen again", async () => {
  const { calls } = await openModels(reportOf());
  let isHidden = true;
  vi.spyOn(document, "hidden", "get").mockImplementation(() => isHidden);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const show = () => act(async () => void document.dispatchEvent(new Event("visibilitychange")));
  const before = calls.length;
  await show();
  await act(() => vi.advanceTimersByTimeAsync(60_000));
  expect(calls).toHaveLength(before);
  isHidden = false;
  await show();
  await act(() => vi.advanceTimersByTimeAsync(1_000));
  expect(calls).toHaveLength(before + 1);
  vi.restoreAllMocks();
});

test("the page with everything on it is accessible", async () => {
  const { page } = await openModels(
    statusOf(FULL, { ...FULL, state: stateOf("other", { phase: "failed" }) }),
  );
  for (const details of page.container.querySelectorAll("details")) details.open = true;
  await userEvent.click(card().getByRole("button", { name: /^Roll back/ }));
  await expectAccessible(page.container);
});

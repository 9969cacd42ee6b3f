import type { PreviewAnswer } from "@greenroom/client";
import type { KeptResult } from "@greenroom/client/persist";
import { act, cleanup, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { example, expectAccessible, snapshot, stage } from "../../packages/react/tests/world";
import { App } from "../src/App";
import type { Kept } from "../src/kept";

const PAIR = { id: "p1", trade: "metal", request: "200 brackets", response: "We offer them." };
const ANSWER: PreviewAnswer = {
  prompt: "The whole prompt",
  pairs: [{ ...PAIR, score: 0.834 }],
  model: "minilm",
  version: "1110a243",
  cached: false,
  truncated: false,
  max_tokens: 256,
};
const TEXT = "We need 300 brackets";

beforeEach(() => localStorage.clear());
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

async function written(answer: () => Response) {
  const all = stage(<App />);
  await all.say(example("hello"), snapshot("loading"));
  all.world.answer = answer;
  await userEvent.type(screen.getByLabelText("Request for quotation"), TEXT);
  await userEvent.click(screen.getByRole("button", { name: "Preview prompt" }));
  return all;
}

test("an early press waits, says so, and is answered by itself once the model is ready", async () => {
  let isReady = false;
  const refused = () => new Response(JSON.stringify(snapshot("loading")), { status: 425 });
  const { say, advance, world } = await written(() => (isReady ? Response.json(ANSWER) : refused()));
  expect(screen.getByText("Waiting for the model; your request goes out by itself")).toBeTruthy();
  isReady = true;
  await say(snapshot("ready"));
  await advance(10);
  expect(await screen.findByRole("heading", { name: "Closest golden pairs" })).toBe(document.activeElement);
  expect(screen.getByText("0.83")).toBeTruthy();
  expect(screen.getByText("The whole prompt")).toBeTruthy();
  expect(JSON.parse(String(world.calls.at(-1)?.init?.body))).toEqual({ description: TEXT, k: 3 });
});

test("a waiting request can be cancelled beside the form", async () => {
  const { queueLength } = await cancelled();
  expect(queueLength).toBe(0);
  expect(screen.queryByText(/Waiting for the model/)).toBeNull();
});

async function cancelled() {
  const { greenroom } = await written(
    () => new Response(JSON.stringify(snapshot("loading")), { status: 425 }),
  );
  await userEvent.click(screen.getByRole("button", { name: "Cancel" }));
  return { queueLength: greenroom.queue.list().length };
}

test("a text that was cut is said to be cut, with the model's window", async () => {
  await written(() => Response.json({ ...ANSWER, truncated: true }));
  expect(
    await screen.findByText(
      "Your text is longer than the model reads (256 tokens); the end was left out of the search.",
    ),
  ).toBeTruthy();
});

test("a problem's own words stand near the form", async () => {
  await written(() => Response.json(example("problem-invalid-input"), { status: 422 }));
  expect((await screen.findByRole("alert")).textContent).toBe("description: at least 1 character is needed");
});

test("the prompt is copied in full", async () => {
  await written(() => Response.json(ANSWER));
  const user = userEvent.setup();
  await user.click(await screen.findByRole("button", { name: "Copy prompt" }));
  expect(await screen.findByText("Copied")).toBeTruthy();
  expect(await navigator.clipboard.readText()).toBe("The whole prompt");
});

test("the draft is still there after a reload", async () => {
  await written(() => Response.json(ANSWER));
  cleanup();
  stage(<App />);
  expect(screen.getByLabelText<HTMLTextAreaElement>("Request for quotation").value).toBe(TEXT);
});

test("Ctrl with Enter sends from inside the text", async () => {
  const { world } = stage(<App />);
  world.answer = () => Response.json(ANSWER);
  const area = screen.getByLabelText("Request for quotation");
  await userEvent.type(area, "Two lines{Enter}of text");
  expect(world.calls).toHaveLength(0);
  await userEvent.type(area, "{Control>}{Enter}{/Control}");
  expect(await screen.findByRole("heading", { name: "Closest golden pairs" })).toBeTruthy();
  expect(JSON.parse(String(world.calls.at(-1)?.init?.body)).description).toBe("Two lines\nof text");
});

test("the last answer stays until the next one is there", async () => {
  const { world } = await written(() => Response.json(ANSWER));
  await screen.findByText("The whole prompt");
  let answer = (_: Response) => {};
  world.answer = () => new Promise<Response>((resolve) => (answer = resolve));
  await userEvent.click(screen.getByRole("button", { name: "Preview prompt" }));
  expect(screen.getByText("The whole prompt")).toBeTruthy();
  expect(screen.getByText(/For your last request/)).toBeTruthy();
  answer(Response.json({ ...ANSWER, prompt: "The second prompt" }));
  expect(await screen.findByText("The second prompt")).toBeTruthy();
  expect(screen.queryByText(/For your last request/)).toBeNull();
});

test("a request of an earlier page is shown as waiting, and its answer without taking the focus", async () => {
  const listeners: ((result: KeptResult) => void)[] = [];
  const kept = {
    shelf: {} as Kept["shelf"],
    subscribe(listener: (result: KeptResult) => void) {
      listeners.push(listener);
      return () => {};
    },
  };
  localStorage.setItem("greenroom.rfq.asked", TEXT);
  stage(<App kept={kept} />);
  screen.getByLabelText("Request for quotation").focus();
  const result = { id: "p-1", label: "Preview prompt", response: Response.json(ANSWER) };
  await act(async () => {
    for (const listener of listeners) listener(result);
  });
  expect(await screen.findByText("The whole prompt")).toBeTruthy();
  expect(screen.getByText(/made before this page was opened is answered below/)).toBeTruthy();
  expect(document.activeElement).toBe(screen.getByLabelText("Request for quotation"));
});

test("earlier answers can be read after a reload, without any model", async () => {
  await written(() => Response.json(ANSWER));
  await screen.findByText("The whole prompt");
  cleanup();
  stage(<App />);
  await userEvent.click(screen.getByText("Earlier results"));
  const list = screen.getByRole("list", { name: "Earlier results" });
  expect(list.textContent).toContain(TEXT);
  await userEvent.click(screen.getByText("Pairs that were found"));
  expect(list.textContent).toContain("0.83");
});

test.each(["nonsense", "{}", '[{"at":1}]', "[null]"])(
  "stored answers that say %s are left aside",
  (stored) => {
    localStorage.setItem("greenroom.rfq.answers", stored);
    stage(<App />);
    expect(screen.queryByText("Earlier results")).toBeNull();
  },
);

test("golden pairs can be browsed while the model loads", async () => {
  const fetched = vi.fn(async () => Response.json([PAIR]));
  vi.stubGlobal("fetch", fetched);
  const { say } = stage(<App />);
  await say(example("hello"), snapshot("loading"));
  expect(fetched).not.toHaveBeenCalled();
  await userEvent.click(screen.getByText("Browse golden pairs"));
  expect((await screen.findByRole("list", { name: "Golden pairs" })).textContent).toContain("200 brackets");
});

test("golden pairs that could not be fetched can be fetched again", async () => {
  let isOnline = false;
  vi.stubGlobal("fetch", async () => {
    if (!isOnline) throw new TypeError("offline");
    return Response.json([PAIR]);
  });
  stage(<App />);
  await userEvent.click(screen.getByText("Browse golden pairs"));
  expect((await screen.findByRole("alert")).textContent).toMatch(/could not be reached/);
  isOnline = true;
  await userEvent.click(screen.getByRole("button", { name: "Fetch again" }));
  expect(await screen.findByRole("list", { name: "Golden pairs" })).toBeTruthy();
});

test("a request that was lost on its way to a ready model is not said to wait for the model", async () => {
  const { say, world } = stage(<App />);
  await say(example("hello"), snapshot("ready"));
  world.answer = () => {
    throw new TypeError("connection reset");
  };
  await userEvent.type(screen.getByLabelText("Request for quotation"), TEXT);
  await userEvent.click(screen.getByRole("button", { name: "Preview prompt" }));
  expect(await screen.findByText("Kept; your request goes out again by itself in a moment")).toBeTruthy();
});

test("the card offers what can be done without the model, and takes people there", async () => {
  await written(() => Response.json(ANSWER));
  await screen.findByText("The whole prompt");
  cleanup();
  vi.stubGlobal("fetch", async () => Response.json([PAIR]));
  const { say, advance } = stage(<App />);
  await say(example("hello"), snapshot("loading"));
  await advance(500);
  await userEvent.click(await screen.findByRole("button", { name: "Keep writing" }));
  expect(screen.getByLabelText("Request for quotation")).toBe(document.activeElement);
  await userEvent.click(screen.getByRole("button", { name: "Browse golden pairs" }));
  expect(await screen.findByRole("list", { name: "Golden pairs" })).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Earlier results" }));
  expect(screen.getByRole("list", { name: "Earlier results" })).toBeTruthy();
  expect(document.activeElement?.textContent).toBe("Earlier results");
});

test("the button that needs the model says that it will wait, and until when", async () => {
  const { say } = stage(<App />);
  const button = screen.getByRole("button", { name: "Preview prompt" });
  const hint = () => document.getElementById(button.getAttribute("aria-describedby") ?? "")?.textContent;
  await say(example("hello"), snapshot("loading", { estimated_seconds: 12 }));
  expect(hint()).toMatch(/^Goes out when the model is ready, in about 12/);
  await say(snapshot("ready"));
  expect(hint()).toBe("");
});

test("an example fills the form, and a second press brings another", async () => {
  stage(<App />);
  const area = screen.getByLabelText<HTMLTextAreaElement>("Request for quotation");
  await userEvent.click(screen.getByRole("button", { name: "Use an example" }));
  const first = area.value;
  await userEvent.click(screen.getByRole("button", { name: "Use an example" }));
  expect(first.length).toBeGreaterThan(40);
  expect(area.value).not.toBe(first);
});

test("the page with an answer is accessible", async () => {
  const { page } = await written(() => Response.json({ ...ANSWER, truncated: true }));
  await screen.findByRole("heading", { name: "Closest golden pairs" });
  await expectAccessible(page.container);
});

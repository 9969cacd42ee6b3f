import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { IDBFactory } from "fake-indexeddb";
import { afterEach, expect, test, vi } from "vitest";
import preview from "../../../../backend/workbench/examples/preview-answer.json";
import * as client from "../src/index.ts";
import * as jobs from "../src/jobs.ts";
import * as persist from "../src/persist.ts";
import { createFakeWorld } from "../src/testing.ts";
import { example } from "./examples.ts";

const README = readFileSync(fileURLToPath(new URL("../README.md", import.meta.url)), "utf8");
const MODULES: Record<string, object> = {
  "@greenroom/client": client,
  "@greenroom/client/jobs": jobs,
  "@greenroom/client/persist": persist,
};

const made: client.Greenroom[] = [];

afterEach(() => {
  for (const greenroom of made.splice(0)) greenroom.stop();
  vi.unstubAllGlobals();
});

function answer(url: string, init?: RequestInit): Response {
  if (url.endsWith("/embeddings")) return Response.json(example("embeddings-answer"));
  if (url.endsWith("/results?format=jsonl")) return Response.json(example("job-result"));
  if (!url.includes("/jobs")) return Response.json(preview);
  return Response.json(example(init?.method === "POST" ? "job-answer-processing" : "job-answer-completed"));
}

/** The example under this heading, as it stands there, on clocks that stand still. */
async function run(heading: string): Promise<unknown[][]> {
  const code = `\n${README}`.split(`\n${heading}\n`)[1]!.split("```ts\n")[1]!.split("```")[0]!;
  const body = code.replace(/^import (\{.*\}) from "(.*)";$/gm, 'const $1 = modules("$2");');
  const lines: unknown[][] = [];
  const world = createFakeWorld();
  world.answer = answer;
  const createGreenroom = (options: client.GreenroomOptions) => {
    const greenroom = client.createGreenroom({ ...options, seams: world.seams });
    made.push(greenroom);
    return greenroom;
  };
  const modules = (name: string) => ({
    ...MODULES[name],
    ...(name === "@greenroom/client" && { createGreenroom }),
  });
  vi.stubGlobal("indexedDB", new IDBFactory());
  const main = new Function("modules", "console", `return (async () => {${body}})()`);
  const end = main(modules, { log: (...values: unknown[]) => lines.push(values) });
  // Jobs are looked at where no socket speaks.
  await Promise.all([end, world.time.advance(5_000)]);
  return lines;
}

test("the first example runs and is answered", async () => {
  const [[status] = []] = (await run("# @greenroom/client")).slice(-1);
  expect(status).toBe(200);
});

test("the queue's example runs and is answered", async () => {
  expect(await run("## Queue")).toEqual([[200]]);
});

test("the calls' example runs and shows vectors and prompt", async () => {
  expect(await run("## Calls")).toEqual([[[4]], [preview.prompt, 2]]);
});

test("the jobs' example follows its job to the end, and shows the rows", async () => {
  expect(await run("## Jobs")).toEqual([
    ["processing", 640, 2000, 9],
    ["completed", 1, 1, null],
    [0, "positive", 0.9987],
  ]);
});

test("the example of requests that survive a reload runs", async () => {
  expect(await run("## Requests that survive a reload")).toEqual([]);
});

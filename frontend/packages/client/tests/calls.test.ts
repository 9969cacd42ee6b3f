import { expect, test } from "vitest";
import preview from "../../../../backend/workbench/examples/preview-answer.json";
import {
  AcceptedError,
  CallError,
  createGreenroom,
  embed,
  type PreviewAnswer,
  predict,
  previewPrompt,
} from "../src/index.ts";
import { createFakeWorld, settle } from "../src/testing.ts";
import { example, snapshot } from "./examples.ts";

function scripted(answer: () => Response) {
  const world = createFakeWorld();
  world.answer = answer;
  const greenroom = createGreenroom({ url: "https://here/base/", seams: world.seams });
  const body = () => JSON.parse(String(world.calls.at(-1)!.init!.body));
  return { world, greenroom, body };
}

const problem = () => Response.json(example("problem-invalid-input"), { status: 422 });

test("embed asks the server that the greenroom belongs to, and gives its vectors", async () => {
  const { world, greenroom, body } = scripted(() => Response.json(example("embeddings-answer")));
  const answer = await embed(greenroom, { input: ["Four pumps for cold water."], model: "minilm" });
  expect(answer.data[0]!.embedding).toEqual([0.5, -0.5, 0.5, -0.5]);
  expect(world.calls[0]!.url).toBe("https://here/base/v1/embeddings");
  expect(new Headers(world.calls[0]!.init!.headers).get("Content-Type")).toBe("application/json");
  expect(body()).toEqual({ input: ["Four pumps for cold water."], model: "minilm" });
});

test("predict gives label and score", async () => {
  const { greenroom, body } = scripted(() => Response.json(example("predict-answer")));
  const answer = await predict(greenroom, { text: "Delivery was two days early." });
  expect(answer.result_label).toBe(answer.label);
  expect(body()).toEqual({ text: "Delivery was two days early." });
});

test("predict gives the job that the server made of the call instead", async () => {
  const job = example("job-answer-processing");
  const { greenroom } = scripted(() => Response.json(job, { status: 202, statusText: "Accepted" }));
  const failed = await predict(greenroom, { text: "a" }).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(AcceptedError);
  expect(failed).toBeInstanceOf(CallError);
  expect(failed).toMatchObject({ name: "AcceptedError", status: 202, job });
  expect(String(failed)).toMatch(/made a job of it: [0-9a-f-]{36}/);
});

test("predict asks a tabular model by column name", async () => {
  const { world, greenroom, body } = scripted(() => Response.json(example("predict-answer")));
  const inputs = [
    { alcohol: 13.2, region: "Alba" },
    { alcohol: null, region: "Asti" },
  ];
  await predict(greenroom, { model: "wine", inputs });
  expect(world.calls[0]!.url).toMatch(/\/predict$/);
  expect(body()).toEqual({ model: "wine", inputs });
});

test("the preview's types are those of the workbench's own example", async () => {
  const expected: PreviewAnswer = preview;
  const { greenroom } = scripted(() => Response.json(preview));
  expect(await previewPrompt(greenroom, { description: "20 doors" })).toEqual(expected);
});

test("a helper takes a bare fetch, and asks the page's own origin unless told", async () => {
  const { world, greenroom } = scripted(() => Response.json(preview));
  await previewPrompt(greenroom.fetch, { description: "20 doors" });
  await previewPrompt(greenroom.fetch, { description: "20 doors" }, { url: "http://there" });
  expect(world.calls.map(({ url }) => url)).toEqual([
    "/api/v1/rfq/preview-prompt",
    "http://there/api/v1/rfq/preview-prompt",
  ]);
});

test("a call waits in the queue under its label and may be cancelled there", async () => {
  const { greenroom } = scripted(() => Response.json(snapshot("loading"), { status: 425 }));
  const answer = expect(
    embed(greenroom, { input: "x", model: "minilm" }, { label: "Embed" }),
  ).rejects.toThrow();
  await settle();
  expect(greenroom.queue.list()).toMatchObject([{ label: "Embed", position: 1 }]);
  greenroom.queue.cancelAll();
  await answer;
});

test("a problem document is told member by member", async () => {
  const { greenroom } = scripted(problem);
  const error = await previewPrompt(greenroom, { description: "" }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CallError);
  expect(error).toMatchObject({
    message: "description: at least 1 character is needed",
    status: 422,
    type: "/problems/invalid-input",
    title: "The input breaks a rule",
    errors: [{ pointer: "/description", detail: "at least 1 character is needed" }],
    request_id: "5b1f0c6c9d2e4a7f",
  });
});

test.each([
  [
    "a page of HTML",
    () => new Response("<h1>Bad gateway</h1>", { status: 502, statusText: "Bad Gateway" }),
    502,
  ],
  ["a job", () => Response.json({ job_uuid: "x", status: "pending" }, { status: 202 }), 202],
  ["an empty body", () => new Response("", { status: 200 }), 200],
])("%s is an error of type about:blank, not an answer", async (_name, answer, status) => {
  const { greenroom } = scripted(answer);
  const failed = predict(greenroom, { text: "x" });
  await expect(failed).rejects.toMatchObject({ status, type: "about:blank", errors: [], request_id: null });
});

test("with a plain fetch the refusal's snapshot explains itself", async () => {
  const { world } = scripted(() => Response.json(snapshot("loading"), { status: 425 }));
  const failed = predict((input, init) => world.seams.fetch(String(input), init), { text: "x" });
  await expect(failed).rejects.toMatchObject({ status: 425, detail: snapshot("loading").message });
});

import { describe, expect, test } from "vitest";
import type { JobAnswer } from "../src/index.ts";
import { type Job, job } from "../src/jobs.ts";
import { settle } from "../src/testing.ts";
import { COMPLETED, ID, lost, open, PENDING, problem } from "./job-cases.ts";

describe("orders", () => {
  const order = async (
    give: (mine: Job) => Promise<JobAnswer>,
    answers: (() => Promise<Response> | Response)[],
  ) => {
    const { world, caller, asked } = open();
    world.answer = () => answers.shift()!();
    const mine = job(caller, ID);
    const given = give(mine);
    given.catch(() => {});
    await world.time.advance(10_000);
    return { given, asked, mine };
  };

  test("a cancellation may be lost and is sent again", async () => {
    const cancelled = { ...PENDING, status: "cancelled" } as const;
    const { given, asked, mine } = await order(
      (mine) => mine.cancel(),
      [lost, () => Response.json(cancelled)],
    );
    expect(await given).toEqual(cancelled);
    expect(mine.state).toEqual(cancelled);
    expect(asked()).toEqual(Array(2).fill(`DELETE http://here/base/jobs/${ID}`));
  });

  test("a job that has ended before it is cancelled stays as it is", async () => {
    const { given } = await order(
      (mine) => mine.cancel(),
      [() => problem(409, "job-ended"), () => Response.json(COMPLETED)],
    );
    expect(await given).toEqual(COMPLETED);
  });

  test("a retry is sent once, whatever becomes of it", async () => {
    const { given, asked } = await order((mine) => mine.retry(), [lost]);
    await expect(given).rejects.toThrow("network");
    expect(asked()).toEqual([`POST http://here/base/jobs/${ID}/retry`]);
    const { given: refused } = await order((mine) => mine.retry(), [() => problem(409, "job-not-ended")]);
    await expect(refused).rejects.toMatchObject({ status: 409 });
  });

  test("a look tells how it stands, and tries again", async () => {
    const { given } = await order((mine) => mine.look(), [lost, () => Response.json(COMPLETED)]);
    expect(await given).toEqual(COMPLETED);
  });
});

describe("results", () => {
  const row = (index: number) => `${JSON.stringify({ index, label: "positive", score: 0.9 })}\n`;

  /** A body in these pieces; where one is an error, the connection breaks there. */
  function stream(...pieces: (string | Error)[]): Response {
    const left = [...pieces];
    return new Response(
      new ReadableStream({
        pull(controller) {
          const piece = left.shift();
          if (piece === undefined) controller.close();
          else if (piece instanceof Error) controller.error(piece);
          else controller.enqueue(new TextEncoder().encode(piece));
        },
      }),
    );
  }

  function bytewise() {
    return new TransformStream<Uint8Array, Uint8Array>({
      transform(piece, controller) {
        for (const byte of piece) controller.enqueue(Uint8Array.of(byte));
      },
    });
  }

  function read(...answers: Response[]) {
    const { world, caller, asked } = open();
    world.answer = () => answers.shift() ?? lost();
    const rows: number[] = [];
    const end = (async () => {
      for await (const { index } of job(caller, ID).results()) rows.push(index);
    })();
    end.catch(() => {});
    return { world, asked, rows, end };
  }

  test("come row by row, wherever the pieces are cut", async () => {
    const text = row(0) + row(1) + row(2);
    const { end, rows, asked, world } = read(
      stream(text.slice(0, 10), text.slice(10, 70), text.slice(70).trim()),
    );
    await end;
    expect(rows).toEqual([0, 1, 2]);
    expect(asked()).toEqual([`GET http://here/base/jobs/${ID}/results?format=jsonl`]);
    expect(world.time.pending()).toBe(0);
  });

  test("come with what was sent where that is wanted", async () => {
    const { world, caller, asked } = open();
    world.answer = () => stream('{"index":0,"text":"one","label":"a"}');
    const texts: unknown[] = [];
    for await (const { text } of job(caller, ID).results({ inputs: true })) texts.push(text);
    expect(texts).toEqual(["one"]);
    expect(asked()).toEqual([`GET http://here/base/jobs/${ID}/results?format=jsonl&inputs=true`]);
  });

  test("keep a letter whose bytes come in two pieces", async () => {
    const { world, caller } = open();
    const bytes = new TextEncoder().encode(JSON.stringify({ index: 0, label: "größer" }));
    world.answer = () => new Response(new Blob([bytes]).stream().pipeThrough(bytewise()));
    const rows = [];
    for await (const { label } of job(caller, ID).results()) rows.push(label);
    expect(rows).toEqual(["größer"]);
  });

  test("go on where the connection broke, and no row comes twice", async () => {
    const broken = stream(row(0), row(1).slice(0, 5), new TypeError("network"));
    const { end, rows, world } = read(broken, stream(row(0) + row(1) + row(2)));
    await world.time.advance(5_000);
    await end;
    expect(rows).toEqual([0, 1, 2]);
  });

  test("end with an error where the connection breaks again and again", async () => {
    const { end, world } = read();
    await world.time.advance(60_000);
    await expect(end).rejects.toThrow("network");
    expect(world.calls).toHaveLength(5);
  });

  test("of a job without any are the server's refusal", async () => {
    const { end } = read(problem(409, "job-not-ended"));
    await expect(end).rejects.toMatchObject({ type: "/problems/job-not-ended" });
  });

  test("stop when nobody reads on", async () => {
    const { world, caller } = open();
    let isCancelled = false;
    const endless = () =>
      new ReadableStream({
        pull: (controller) => controller.enqueue(new TextEncoder().encode(row(0))),
        cancel() {
          isCancelled = true;
        },
      });
    world.answer = () => new Response(endless());
    for await (const _ of job(caller, ID).results()) break;
    await settle();
    expect([isCancelled, world.time.pending()]).toEqual([true, 0]);
  });

  test("have an address for each format", () => {
    const { caller } = open();
    expect(job(caller, ID).resultsUrl("csv")).toBe(`http://here/base/jobs/${ID}/results?format=csv`);
    expect(job(caller, ID).resultsUrl("csv", { inputs: true })).toBe(
      `http://here/base/jobs/${ID}/results?format=csv&inputs=true`,
    );
  });
});

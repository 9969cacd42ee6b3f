import { afterEach, describe, expect, test, vi } from "vitest";
import { CallError, createGreenroom } from "../src/index.ts";
import { FileChangedError, submitJob } from "../src/jobs.ts";
import { settle } from "../src/testing.ts";
import { ID, lost, open, PENDING, problem } from "./job-cases.ts";

afterEach(() => vi.unstubAllGlobals());

describe("a submission", () => {
  test("is one call with a key of its own, and gives the job", async () => {
    const { world, caller, asked } = open();
    world.answer = () => Response.json(PENDING, { status: 202 });
    const mine = await submitJob(caller, { inputs: ["a", "b"], model: "sentiment", priority: 2 });
    expect([mine.id, mine.state?.status]).toEqual([ID, "pending"]);
    expect(asked()).toEqual(["POST http://here/base/jobs"]);
    const { headers, body } = world.calls[0]!.init!;
    expect(JSON.parse(String(body))).toEqual({ inputs: ["a", "b"], model: "sentiment", priority: 2 });
    expect(new Headers(headers).get("Idempotency-Key")).toMatch(/^[0-9a-f]{32}$/);
    expect(world.time.pending()).toBe(0);
  });

  test("whose answer is lost is sent again under the same key, and no other call is", async () => {
    const { world, caller } = open();
    const answers = [lost, () => problem(503, "jobs-unavailable"), () => Response.json(PENDING)];
    world.answer = () => answers.shift()!();
    const sent = submitJob(caller, { text: "a" });
    await world.time.advance(10_000);
    expect((await sent).id).toBe(ID);
    const keys = world.calls.map(({ init }) => new Headers(init?.headers).get("Idempotency-Key"));
    expect([keys.length, new Set(keys).size]).toEqual([3, 1]);
  });

  test("takes the caller's key", async () => {
    const { world, caller } = open();
    world.answer = () => Response.json(PENDING);
    await submitJob(caller, { text: "a", idempotencyKey: "mine" });
    expect(new Headers(world.calls[0]!.init!.headers).get("Idempotency-Key")).toBe("mine");
    expect(JSON.parse(String(world.calls[0]!.init!.body))).toEqual({ text: "a" });
  });

  test("waits as long as the server says, and gives up where the deadline is earlier", async () => {
    const { world, caller } = open();
    world.answer = () => problem(429, "overloaded", { "Retry-After": "20" });
    const failed = expect(submitJob(caller, { text: "a" }, { deadlineMs: 30_000 })).rejects.toMatchObject({
      status: 429,
    });
    await world.time.advance(19_900);
    expect(world.calls).toHaveLength(1);
    await world.time.advance(20_000);
    expect(world.calls).toHaveLength(2);
    await failed;
    expect(world.time.pending()).toBe(0);
  });

  test("that the server refuses is not sent again", async () => {
    const { world, caller } = open();
    world.answer = () => problem(422, "invalid-input");
    await expect(submitJob(caller, { text: "a" })).rejects.toBeInstanceOf(CallError);
    expect(world.calls).toHaveLength(1);
  });

  test("is given up after five tries, and when nothing answers in time", async () => {
    const { world, caller } = open();
    world.answer = lost;
    const failed = expect(submitJob(caller, { text: "a" })).rejects.toThrow("network");
    await world.time.advance(60_000);
    await failed;
    expect(world.calls).toHaveLength(5);
    world.answer = () => new Promise(() => {});
    const late = expect(submitJob(caller, { text: "a" })).rejects.toMatchObject({ name: "TimeoutError" });
    await world.time.advance(120_000);
    await late;
    expect(world.time.pending()).toBe(0);
  });

  test("keeps its deadline, the pauses included", async () => {
    const { world, caller } = open();
    world.answer = lost;
    let isOver = false;
    const failed = submitJob(caller, { text: "a" }, { deadlineMs: 200 }).finally(() => {
      isOver = true;
    });
    failed.catch(() => {});
    await world.time.advance(200);
    expect([isOver, world.calls.length]).toEqual([true, 5]);
    await expect(failed).rejects.toThrow("network");
  });

  test("can be called off between two tries, and no timer is left", async () => {
    const { world, caller } = open();
    world.answer = lost;
    const abort = new AbortController();
    const failed = expect(submitJob(caller, { text: "a" }, { signal: abort.signal })).rejects.toBe("enough");
    await settle();
    abort.abort("enough");
    await failed;
    expect(world.time.pending()).toBe(0);
  });

  test.each([
    [new File(["a\nb"], "a.TXT"), "text/plain", "&name=a.TXT"],
    [new File(["{}"], "März & mehr.jsonl"), "application/jsonl", "&name=M%C3%A4rz+%26+mehr.jsonl"],
    [new Blob(["a"], { type: "text/csv" }), "text/csv", ""],
    [new File(["a"], "a.pdf"), "application/octet-stream", "&name=a.pdf"],
  ])("of a file goes as it is, with its type and its name", async (file, type, name) => {
    const { world, caller, asked } = open();
    world.answer = () => Response.json(PENDING);
    await submitJob(caller, { file, column: "a b", model: "m" });
    expect(asked()).toEqual([`POST http://here/base/jobs?model=m&column=a+b${name}`]);
    const { headers, body } = world.calls[0]!.init!;
    expect([new Headers(headers).get("Content-Type"), body]).toEqual([type, file]);
  });

  test("is named as its caller says, whatever its file is called", async () => {
    const { world, caller, asked } = open();
    world.answer = () => Response.json(PENDING);
    await submitJob(caller, { file: new File(["a"], "a.txt"), name: "mine" });
    expect(asked()).toEqual(["POST http://here/base/jobs?name=mine"]);
    await submitJob(caller, { text: "a", name: "mine" });
    expect(JSON.parse(String(world.calls[1]!.init!.body))).toEqual({ text: "a", name: "mine" });
  });

  test("of a file that can be read no more says so, and is not sent again", async () => {
    const { world, caller } = open();
    world.answer = lost;
    const file = new File(["a"], "a.txt");
    const cause = new DOMException("gone", "NotReadableError");
    vi.spyOn(file, "slice").mockImplementation(() => {
      throw cause;
    });
    const failed = await submitJob(caller, { file }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(FileChangedError);
    expect(failed).toMatchObject({
      cause,
      message: expect.stringMatching(/^The file has changed .* again\.$/),
    });
    expect(world.calls).toHaveLength(1);
    expect(world.time.pending()).toBe(0);
  });

  test("of a greenroom goes to its server, over its own clocks and fetch", async () => {
    const { world } = open();
    const greenroom = createGreenroom({ url: "http://there", seams: world.seams });
    world.answer = () => Response.json(PENDING);
    await submitJob(greenroom, { text: "a" });
    expect(world.calls[0]!.url).toBe("http://there/jobs");
  });
});

describe("an upload that is watched", () => {
  const requests: FakeRequest[] = [];

  class FakeRequest {
    upload: { onprogress?: (event: { loaded: number; total: number }) => void } = {};
    sent: Record<string, string> = {};
    isAborted = false;
    status = 202;
    statusText = "Accepted";
    responseText = JSON.stringify(PENDING);
    onload = () => {};
    onerror = () => {};
    onloadend = () => {};
    open(method: string, url: string) {
      this.sent.call = `${method} ${url}`;
      requests.push(this);
    }
    setRequestHeader(name: string, value: string) {
      this.sent[name] = value;
    }
    getAllResponseHeaders = () => "content-type: application/json\r\nretry-after: 1\r\n";
    send() {}
    abort() {
      this.isAborted = true;
    }
  }

  function upload() {
    requests.length = 0;
    vi.stubGlobal("XMLHttpRequest", FakeRequest);
    const { world, caller } = open();
    const told: number[] = [];
    const sent = submitJob(
      caller,
      { file: new File(["abcd"], "a.txt") },
      { onUpload: ({ sentBytes }) => told.push(sentBytes) },
    );
    sent.catch(() => {});
    return { world, told, sent };
  }

  test("tells how much has left, and keeps the key and the type", async () => {
    const { told, sent } = upload();
    await settle();
    const [request] = requests as [FakeRequest];
    request.upload.onprogress?.({ loaded: 2, total: 4 });
    request.onload();
    request.onloadend();
    expect((await sent).id).toBe(ID);
    expect(told).toEqual([2]);
    expect(request.sent).toMatchObject({
      call: "POST http://here/base/jobs?name=a.txt",
      "content-type": "text/plain",
    });
    expect(request.sent["idempotency-key"]).toMatch(/^[0-9a-f]{32}$/);
  });

  test("goes on as long as bytes leave, is begun anew when none do, and ends", async () => {
    const { world, sent } = upload();
    for (let sentBytes = 1; sentBytes < 4; sentBytes += 1) {
      await world.time.advance(50_000);
      requests[0]!.upload.onprogress?.({ loaded: sentBytes, total: 4 });
    }
    expect(requests[0]!.isAborted).toBe(false);
    await world.time.advance(70_000);
    expect([requests[0]!.isAborted, requests.length]).toEqual([true, 2]);
    await world.time.advance(900_000);
    await expect(sent).rejects.toMatchObject({ name: "TimeoutError" });
    expect(requests).toHaveLength(5);
    expect(world.time.pending()).toBe(0);
  });

  test("whose connection breaks is tried again", async () => {
    const { world, sent } = upload();
    await settle();
    requests[0]!.onerror();
    await world.time.advance(1_000);
    requests[1]!.onload();
    expect((await sent).id).toBe(ID);
    expect(requests[1]!.sent["idempotency-key"]).toBe(requests[0]!.sent["idempotency-key"]);
  });
});

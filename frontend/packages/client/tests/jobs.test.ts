import { afterEach, describe, expect, test, vi } from "vitest";
import { CallError, createGreenroom, type JobAnswer } from "../src/index.ts";
import { FileChangedError, isTerminal, type Job, job, listJobs, submitJob, watchJobs } from "../src/jobs.ts";
import { createFakeWorld, settle } from "../src/testing.ts";
import { example } from "./examples.ts";

const PROCESSING = example("job-answer-processing") as JobAnswer;
const PENDING: JobAnswer = { ...PROCESSING, status: "pending", started_at: null, progress: 0, done: 0 };
const COMPLETED: JobAnswer = { ...PROCESSING, status: "completed", progress: 100, done: 2000 };
const ID = PROCESSING.job_uuid;
const lost = () => Promise.reject(new TypeError("network"));
const problem = (status: number, slug: string, headers: Record<string, string> = {}) =>
  Response.json({ type: `/problems/${slug}`, title: slug, status, detail: slug }, { status, headers });
const at = (done: number): JobAnswer => ({ ...PROCESSING, done, progress: Math.floor(done / 20) });

afterEach(() => vi.unstubAllGlobals());

function open() {
  const world = createFakeWorld();
  const caller = { url: "http://here/base/", seams: world.seams };
  const asked = () => world.calls.map(({ url, init }) => `${init?.method ?? "GET"} ${url}`);
  return { world, caller, asked };
}

/** Everything that iterating gives, as it comes. */
function collect(states: AsyncIterable<JobAnswer>) {
  const heard: JobAnswer[] = [];
  const end = (async () => {
    for await (const state of states) heard.push(state);
  })();
  end.catch(() => {});
  return { heard, end };
}

function followed(options = {}) {
  const { world, caller, asked } = open();
  return { world, asked, ...collect(job(caller, ID, options)) };
}

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
    [new File(["a\nb"], "a.TXT"), "text/plain"],
    [new File(["{}"], "a.jsonl"), "application/jsonl"],
    [new Blob(["a"], { type: "text/csv" }), "text/csv"],
    [new File(["a"], "a.pdf"), "application/octet-stream"],
  ])("of a file goes as it is, with its type", async (file, type) => {
    const { world, caller, asked } = open();
    world.answer = () => Response.json(PENDING);
    await submitJob(caller, { file, column: "a b", model: "m" });
    expect(asked()).toEqual(["POST http://here/base/jobs?model=m&column=a+b"]);
    const { headers, body } = world.calls[0]!.init!;
    expect([new Headers(headers).get("Content-Type"), body]).toEqual([type, file]);
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
    expect(request.sent).toMatchObject({ call: "POST http://here/base/jobs", "content-type": "text/plain" });
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

describe("following a job", () => {
  test("gives each state of the socket, and ends after a terminal one without asking", async () => {
    const { world, heard, end } = followed();
    await settle();
    expect(world.socket().url).toBe(`ws://here/base/ws/jobs/${ID}`);
    for (const state of [at(640), at(640), at(1280), COMPLETED]) {
      world.socket().say(state);
      await settle();
    }
    await end;
    expect(heard.map(({ done }) => done)).toEqual([640, 1280, 2000]);
    expect(world.calls).toEqual([]);
    expect([world.socket().closedByClient, world.time.pending()]).toEqual([true, 0]);
  });

  test("a submitted job begins with the state that is known", async () => {
    const { world, caller } = open();
    world.answer = () => Response.json(PENDING);
    const mine = await submitJob(caller, { text: "a" });
    const { heard, end } = collect(mine);
    await settle();
    expect(heard).toEqual([PENDING]);
    world.socket().say(PENDING);
    world.socket().say(COMPLETED);
    await end;
    expect(heard.map(({ status }) => status)).toEqual(["pending", "completed"]);
    expect(mine.state?.status).toBe("completed");
  });

  test("a slow reader gets the newest state", async () => {
    const { world, caller } = open();
    const states = job(caller, ID)[Symbol.asyncIterator]();
    const first = states.next();
    await settle();
    for (const done of [1, 2, 3]) world.socket().say(at(done));
    expect((await first).value.done).toBe(1);
    expect((await states.next()).value.done).toBe(3);
    await states.return?.();
    expect(world.time.pending()).toBe(0);
  });

  test.each(["blocked", "silent", "lost"])("where the socket is %s, looks tell the same", async (how) => {
    const { world, caller } = open();
    if (how === "blocked")
      world.seams.openSocket = () => {
        throw new Error("no sockets here");
      };
    let state = at(640);
    world.answer = () => Response.json(state);
    const { heard, end } = collect(job(caller, ID));
    await settle();
    if (how === "lost") world.socket().drop(1006);
    await world.time.advance(3_000);
    state = COMPLETED;
    await world.time.advance(10_000);
    await end;
    expect(heard.map(({ done }) => done)).toEqual([640, 2000]);
    expect(world.time.pending()).toBe(0);
  });

  test("a lost socket is opened again, and ends the looks once it speaks", async () => {
    const { world, heard } = followed();
    world.answer = () => Response.json(at(640));
    await settle();
    world.socket().drop(1012);
    await world.time.advance(1_000);
    expect(world.sockets).toHaveLength(2);
    world.socket().say(at(1280));
    await settle();
    const looks = world.calls.length;
    await world.time.advance(15_000);
    expect(world.calls).toHaveLength(looks);
    expect(heard.at(-1)?.done).toBe(1280);
  });

  test("a socket that falls silent is replaced; heartbeats keep it", async () => {
    const { world } = followed();
    world.answer = () => Response.json(at(1));
    await settle();
    world.socket().say(at(1));
    for (let beat = 0; beat < 5; beat += 1) {
      await world.time.advance(10_000);
      world.socket().say({ type: "ping", at: "" });
    }
    expect(world.sockets).toHaveLength(1);
    await world.time.advance(23_000);
    expect(world.sockets).toHaveLength(2);
  });

  test("a look that a frame has overtaken counts no more", async () => {
    const { world, heard } = followed();
    let arrive = (_: Response) => {};
    world.answer = () => new Promise((resolve) => (arrive = resolve));
    await world.time.advance(3_000);
    world.socket().say(at(1280));
    await settle();
    arrive(Response.json(PENDING));
    await settle();
    expect(heard.map(({ status }) => status)).toEqual(["processing"]);
  });

  test("a frame that is older than a look takes nothing back", async () => {
    const { world, heard } = followed();
    world.answer = () => Response.json(at(1280));
    await world.time.advance(3_000);
    world.socket().say(at(640));
    await settle();
    expect(heard.map(({ done }) => done)).toEqual([1280]);
  });

  test("frames that are no job are ignored", async () => {
    const { world, heard } = followed();
    await settle();
    for (const frame of [null, 1, "x", {}, { job_uuid: 3 }, { type: "from-the-future" }])
      world.socket().say(frame);
    await settle();
    expect(heard).toEqual([]);
  });

  test("a server that drains is come back to when it said", async () => {
    const { world } = followed();
    world.answer = () => Response.json(at(1));
    await settle();
    world.socket().say({ type: "draining", reconnect_in_ms: 3_000 });
    await world.time.advance(2_900);
    expect(world.sockets).toHaveLength(1);
    await world.time.advance(200);
    expect(world.sockets).toHaveLength(2);
  });

  test("an unknown job is an error with the server's words", async () => {
    const { world, end } = followed();
    world.answer = () => problem(404, "job-not-found");
    await settle();
    world.socket().drop(4404);
    await world.time.advance(1_000);
    await expect(end).rejects.toMatchObject({ status: 404, type: "/problems/job-not-found" });
    expect(world.time.pending()).toBe(0);
  });

  test("a server that is away is waited for, and given up after the patience", async () => {
    const { world, end } = followed({ patienceMs: 60_000 });
    world.answer = lost;
    await world.time.advance(59_000);
    expect(world.time.pending()).toBeGreaterThan(0);
    await world.time.advance(2_000);
    await expect(end).rejects.toThrow("network");
    expect(world.time.pending()).toBe(0);
  });

  test("says once that the server is not heard of, and once that it is again", async () => {
    const told: unknown[] = [];
    const { world } = followed({ onTrouble: (reason: unknown) => told.push(reason) });
    world.answer = lost;
    await settle();
    world.socket().say(at(1));
    world.socket().drop(1006);
    await world.time.advance(3_000);
    expect(told).toEqual([expect.any(TypeError)]);
    world.answer = () => Response.json(at(2));
    await world.time.advance(8_000);
    expect(told).toEqual([expect.any(TypeError), null]);
  });

  test("what the page shows again is looked at at once", async () => {
    const { world } = followed();
    world.answer = () => Response.json(at(1));
    await settle();
    world.socket().say(at(1));
    world.hidden = true;
    world.pageChanged();
    expect(world.calls).toHaveLength(0);
    world.hidden = false;
    world.pageChanged();
    expect(world.calls).toHaveLength(1);
  });

  test("ends by the signal, with its reason, and leaves nothing", async () => {
    const abort = new AbortController();
    const { world, end } = followed({ signal: abort.signal });
    await settle();
    abort.abort("enough");
    await expect(end).rejects.toBe("enough");
    expect([world.socket().closedByClient, world.time.pending()]).toEqual([true, 0]);
  });

  test("ended() waits for the terminal state", async () => {
    const { world, caller } = open();
    const last = job(caller, ID).ended();
    await settle();
    world.socket().say(at(3));
    world.socket().say(COMPLETED);
    expect(isTerminal(await last)).toBe(true);
  });
});

test.each(["", ".", ".."])("a job is not one without an id: %j", (id) => {
  expect(() => job({ url: "http://here" }, id)).toThrow(RangeError);
});

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

describe("many jobs", () => {
  test("a page of them comes with the number of all", async () => {
    const { world, caller, asked } = open();
    world.answer = () => Response.json([COMPLETED, PENDING], { headers: { "X-Total-Count": "37" } });
    expect(await listJobs(caller, { skip: 10, limit: 2, status: "pending" })).toEqual({
      jobs: [COMPLETED, PENDING],
      total: 37,
    });
    expect(asked()).toEqual(["GET http://here/base/jobs?skip=10&limit=2&status=pending"]);
  });

  test("all are watched on one socket, which does not end with one of them", async () => {
    const { world, caller } = open();
    const { heard } = collect(watchJobs(caller));
    await settle();
    expect(world.socket().url).toBe("ws://here/base/ws/jobs");
    world.socket().say(COMPLETED);
    world.socket().say({ ...PENDING, job_uuid: "another" });
    await settle();
    expect(heard.map(({ job_uuid }) => job_uuid)).toEqual([ID, "another"]);
  });

  test("without a socket the newest are looked at, the oldest told first", async () => {
    const { world, caller } = open();
    world.answer = () => Response.json([{ ...PENDING, job_uuid: "new" }, COMPLETED]);
    const { heard } = collect(watchJobs(caller));
    await world.time.advance(3_000);
    expect(heard.map(({ job_uuid }) => job_uuid)).toEqual([ID, "new"]);
  });
});

import { describe, expect, test } from "vitest";
import { CLOSE_CODES, CLOSE_VERDICTS, createGreenroom } from "../src/index.ts";
import { type BadFrame, createFakeServer, type FakeServerOptions } from "../src/testing.ts";

const POST = { method: "POST", body: "{}" };

/** A page on a fake server, its first snapshot seen. */
async function open(options: FakeServerOptions = {}) {
  const server = createFakeServer(options);
  const greenroom = createGreenroom({ ...server.address, queue: { spreadMs: 0 } });
  greenroom.start();
  await server.time.advance(0);
  const view = () => greenroom.store.getView();
  return { server, greenroom, view, time: server.time, network: server.network };
}

test("a page shows what the server was told to say", async () => {
  const { server, view, time } = await open();
  server.load(65, { estimatedSeconds: 40 });
  await time.advance(0);
  expect(view()).toMatchObject({
    phase: "loading",
    progress: 65,
    remaining: { kind: "seconds", seconds: 40 },
  });
});

test("who connects late gets the current snapshot first", async () => {
  const server = createFakeServer();
  server.fail("The disk is full.", { code: "load-failed" });
  const greenroom = createGreenroom(server.address);
  greenroom.start();
  await server.time.advance(0);
  expect(greenroom.store.getView()).toMatchObject({
    phase: "failed",
    status: "error",
    failedModel: "minilm",
  });
  expect(greenroom.store.getView().error?.message).toBe("The disk is full.");
});

test("the server counts by itself: snapshots, rounds and lives", async () => {
  const { server } = await open();
  const first = server.snapshot();
  server.load(10);
  expect(server.snapshot().seq).toBe(first.seq + 1);
  server.ready();
  server.modelRestarts();
  expect(server.snapshot()).toMatchObject({ epoch: first.epoch, round: 2, progress: 0, ready: false });
  server.restart();
  expect(server.snapshot()).toMatchObject({ round: 1, seq: 1, progress: 0 });
  expect(server.snapshot().epoch).not.toBe(first.epoch);
});

test("what no server may say is refused: progress that falls, a ready model that loads", async () => {
  const { server } = await open();
  server.load(65);
  expect(() => server.load(64)).toThrow(/never falls/);
  expect(() => server.load(100)).toThrow(/0 to 99/);
  server.ready();
  expect(() => server.load(99)).toThrow();
  expect(() => server.fail()).toThrow(/modelRestarts/);
});

test("a restarted server is explained, and so is a restarted model", async () => {
  const { server, view, time } = await open();
  server.load(70);
  server.restart();
  await time.advance(3_000);
  expect(view()).toMatchObject({ progress: 0, explanation: "server_restarted" });
  server.ready();
  server.modelRestarts();
  await time.advance(0);
  expect(view().explanation).toBe("model_restarted");
});

test("the line stays alive for as long as time goes on, loading, failed or ready", async () => {
  const { server, greenroom, time } = await open();
  for (const step of [
    () => server.load(5),
    () => server.fail(),
    () => server.restart(),
    () => server.ready(),
  ]) {
    step();
    await time.advance(120_000);
    expect(greenroom.link.status().state).toBe("live");
  }
});

describe("calls", () => {
  test("a guarded call reaches its handler once the model is ready, and exactly once", async () => {
    const { server, greenroom, time } = await open();
    const answer = greenroom.fetch("/predict", POST);
    await time.advance(30_000);
    expect(server.handled).toHaveLength(0);
    server.ready();
    await time.advance(200);
    expect((await answer).status).toBe(200);
    expect(server.handled).toMatchObject([{ method: "POST", path: "/predict", body: {} }]);
  });

  test("a refusal is the snapshot with Retry-After, 503 when it failed for good, and 425 bytes are the line's", async () => {
    const { server } = await open();
    server.load(40, { estimatedSeconds: 120 });
    const refused = await send(server, "/predict");
    expect(refused.status).toBe(425);
    expect(refused.headers.get("Retry-After")).toBe("60");
    expect(refused.headers.get("Cache-Control")).toBe("no-store");
    expect(await refused.json()).toEqual(server.snapshot());
    server.fail("No.");
    expect((await send(server, "/predict")).status).toBe(503);
  });

  test("a handler of one's own is called with the body, and an answer of its own is kept as it is", async () => {
    const { server, greenroom } = await open();
    server.handle("PUT /notes", ({ body }) => new Response(JSON.stringify(body), { status: 201 }), {
      guarded: false,
    });
    const answered = greenroom.fetch("/notes?x=1", { method: "PUT", body: '{"a":1}' });
    await server.time.advance(0);
    expect((await answered).status).toBe(201);
    expect(server.handled[0]).toMatchObject({ body: { a: 1 } });
  });

  test("a lost call was not handled, a lost answer was", async () => {
    const { server, network } = await open();
    server.ready();
    network.loseCalls();
    network.loseAnswers();
    await expect(send(server, "/predict")).rejects.toThrow("broke");
    expect(server.handled).toHaveLength(0);
    await expect(send(server, "/predict")).rejects.toThrow("broke");
    expect(server.handled).toHaveLength(1);
  });

  test("one key is one run, where the server keeps keys", async () => {
    const { server, network } = await open({ honoursIdempotencyKey: true });
    server.ready();
    network.loseAnswers();
    const headers = { "Idempotency-Key": "k" };
    await expect(send(server, "/predict", { headers })).rejects.toThrow();
    expect((await send(server, "/predict", { headers })).status).toBe(200);
    expect(server.handled).toHaveLength(1);
  });

  test("a call that is one too many gets 429, and waits", async () => {
    const { server, greenroom, time } = await open();
    server.ready();
    server.overload(3);
    const answer = greenroom.fetch("/predict", POST);
    await time.advance(2_900);
    expect(server.handled).toHaveLength(0);
    await time.advance(10_000);
    expect((await answer).status).toBe(200);
  });

  test("a server that dies under a call breaks it", async () => {
    const { server, time } = await open();
    server.ready();
    server.handle("POST /slow", () => new Promise(() => {}));
    const answer = expect(send(server, "/slow")).rejects.toThrow("broke");
    await time.advance(10);
    server.restart();
    await answer;
    expect(server.handled).toHaveLength(1);
  });

  test("each scope speaks for itself", async () => {
    const { server, view } = await open({ models: ["big", "small?"] });
    server.ready("small");
    expect(server.snapshot(["small"])).toMatchObject({ ready: true, scope: ["small"] });
    expect(server.snapshot()).toMatchObject({ ready: false, scope: ["big"] });
    expect(view().ready).toBe(false);
    server.handle("POST /small", () => 1, { models: ["small"] });
    expect((await send(server, "/small")).status).toBe(200);
  });

  test("a failed model is tried again on demand, and only then", async () => {
    const { server, greenroom, time, view } = await open();
    const early = expect(greenroom.retryModel("minilm")).rejects.toThrow("Only a model that has failed");
    await time.advance(0);
    await early;
    server.fail();
    const retried = greenroom.retryModel("minilm");
    await time.advance(0);
    expect(await retried).toEqual({ status: "retrying", model: "minilm" });
    expect(view()).toMatchObject({ phase: "queued", error: null });
  });
});

describe("faults", () => {
  test("a dropped frame is made good by the next one", async () => {
    const { server, network, view, time } = await open();
    network.dropFrames();
    server.load(10);
    await time.advance(0);
    expect(view().progress).toBe(0);
    server.load(11);
    await time.advance(0);
    expect(view().progress).toBe(11);
  });

  test("doubled, late and swapped frames never let progress fall", async () => {
    const { server, network, view, time } = await open();
    const shown: number[] = [];
    network.delayFrames(500);
    network.swapFrames();
    network.duplicateFrames();
    for (const percent of [10, 20, 30]) {
      server.load(percent);
      await time.advance(1);
      shown.push(view().progress);
    }
    expect(shown).toEqual([0, 0, 30]);
    await time.advance(600);
    expect(view().progress).toBe(30);
  });

  test.each<BadFrame>(["not-json", "unknown-type", "binary", "truncated", "no-object"])(
    "a frame that is %s changes nothing and costs no line",
    async (frame) => {
      const { server, view, greenroom, time } = await open();
      server.load(33);
      await time.advance(0);
      const before = view();
      server.sayBadly(frame);
      await time.advance(0);
      expect(view()).toEqual(before);
      expect(greenroom.link.status().state).toBe("live");
    },
  );

  test.each(Object.entries(CLOSE_CODES))("close code %s does what the schema says", async (_name, code) => {
    const { server, greenroom, time } = await open();
    server.close(code, "because");
    await time.advance(0);
    const isOver = ["stop", "fail"].includes(CLOSE_VERDICTS[`${code}`]);
    expect(greenroom.link.status().state).toBe(isOver ? "stopped" : "reconnecting");
    await time.advance(10_000);
    expect(greenroom.link.status().state).toBe(isOver ? "stopped" : "live");
  });

  test.each(["refuse", "swallow", "throw"] as const)(
    "sockets that a proxy blocks (%s) are polled around",
    async (how) => {
      const server = createFakeServer();
      server.network.blockSockets(how);
      const greenroom = createGreenroom(server.address);
      greenroom.start();
      server.load(35);
      await server.time.advance(4_000);
      expect(greenroom.link.status().state).toBe("polling");
      expect(greenroom.store.getView().progress).toBe(35);
      server.network.letSocketsThrough();
      await server.time.advance(60_000);
      expect(greenroom.link.status().state).toBe("live");
    },
  );

  test("a silent line is noticed, and polled around", async () => {
    const { server, network, view, time } = await open();
    network.silence();
    await time.advance(1_000);
    server.load(50);
    await time.advance(8_000);
    expect(view().progress).toBe(50);
  });

  test("a network that is down takes sockets and calls along, and comes back", async () => {
    const { server, network, greenroom, time } = await open();
    server.ready();
    network.down();
    await expect(send(server, "/predict")).rejects.toThrow();
    await time.advance(5_000);
    expect(greenroom.link.status().state).not.toBe("live");
    network.up();
    await time.advance(30_000);
    expect(greenroom.link.status().state).toBe("live");
  });

  test("a draining server is left alone for as long as it asked", async () => {
    const { server, network, time } = await open();
    server.drain(3_000);
    await time.advance(0);
    server.start();
    await time.advance(2_900);
    expect(network.lines).toHaveLength(0);
    await time.advance(200);
    expect(network.lines).toHaveLength(1);
  });

  test("what the page gave up is closed at the server, and nothing is left that ticks", async () => {
    const { server, greenroom, time, network } = await open();
    await time.advance(5_000);
    greenroom.stop();
    expect(network.lines).toHaveLength(0);
    await time.advance(10);
    expect(server.time.pending()).toBe(0);
  });
});

describe("the clock", () => {
  test("a wall clock that is set back delays no timer", async () => {
    const { time } = createFakeServer();
    let fired = 0;
    time.timers.set(() => (fired += 1), 1_000);
    time.jump(-3_600_000);
    await time.advance(1_000);
    expect(fired).toBe(1);
  });

  test("timers that never come to rest are reported, not waited for", async () => {
    const { time } = createFakeServer();
    const again = (): unknown => time.timers.set(again, 0);
    again();
    await expect(time.advance(1)).rejects.toThrow("without end");
  });
});

/** Past the queue, straight to the server. */
async function send(server: ReturnType<typeof createFakeServer>, path: string, init: RequestInit = {}) {
  const answer = server.address.seams.fetch(path, { ...POST, ...init });
  answer.catch(() => {});
  await server.time.advance(0);
  return answer;
}

import { describe, expect, test } from "vitest";
import { isTerminal, job, listJobs, submitJob, watchJobs } from "../src/jobs.ts";
import { settle } from "../src/testing.ts";
import { at, COMPLETED, collect, followed, ID, lost, open, PENDING, problem } from "./job-cases.ts";

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

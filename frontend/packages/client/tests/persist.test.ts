import { describe, expect, test } from "vitest";
import type { ReadyRequestInit } from "../src/index.ts";
import type { KeptSeams } from "../src/persist.ts";
import { openDatabase } from "../src/persist-database.ts";
import { createWriter } from "../src/persist-writer.ts";
import { createFakeTime } from "../src/testing.ts";
import { createBrowser, openPage, settleStorage } from "./persist-world.ts";

const POST = { method: "POST", body: "{}" };

/** Asks, and lets the refusal and the row find their places. */
async function waitOn(page: ReturnType<typeof openPage>, url: string, init: ReadyRequestInit = POST) {
  page.fetch(url, init).catch(() => {});
  await settleStorage();
}

async function reload(
  browser: ReturnType<typeof createBrowser>,
  page: ReturnType<typeof openPage>,
  options = {},
) {
  page.die();
  const next = openPage(browser, options);
  await settleStorage();
  return next;
}

async function stored(disk: IDBFactory) {
  const time = createFakeTime();
  return openDatabase("greenroom-queue", () => disk, time.timers).rows();
}

test("a request that waits survives a reload, and its answer comes by event", async () => {
  const browser = createBrowser();
  const first = openPage(browser);
  await waitOn(first, "/p", { ...POST, label: "Preview" });
  const second = await reload(browser, first);
  expect(second.queue.list()).toMatchObject([{ label: "Preview", url: "/p", position: 1 }]);
  second.becomeReady();
  await settleStorage();
  expect(browser.handled).toEqual([{ url: "/p", body: "{}" }]);
  expect(second.results).toMatchObject([{ label: "Preview" }]);
  const [result] = second.results;
  expect(result && "response" in result && (await result.response.text())).toBe("answer to /p");
  expect(await stored(browser.disk)).toEqual([]);
});

test("a request that the first page saw to its end leaves nothing behind, and no event", async () => {
  const browser = createBrowser();
  const page = openPage(browser);
  const answer = page.fetch("/p", POST);
  await settleStorage();
  expect(await stored(browser.disk)).toHaveLength(1);
  page.becomeReady();
  await settleStorage();
  expect(await (await answer).text()).toBe("answer to /p");
  expect(page.results).toEqual([]);
  expect(await stored(browser.disk)).toEqual([]);
});

test("credentials are never stored: the header callback gives them when the request goes out", async () => {
  const browser = createBrowser();
  const first = openPage(browser);
  const headers = {
    Authorization: "Bearer secret-1",
    Cookie: "secret-2",
    "X-Api-Key": "secret-3",
    "Content-Type": "application/json",
    Prefer: "wait=1",
    "Idempotency-Key": "k",
  };
  await waitOn(first, "/p", { ...POST, headers });
  expect(JSON.stringify(await stored(browser.disk))).not.toMatch(/secret|authorization|api-key|cookie/i);
  const second = await reload(browser, first, {
    headers: async (entry: { url: string }) => ({ Authorization: `Bearer new for ${entry.url}` }),
  });
  second.becomeReady();
  await settleStorage();
  expect(Object.fromEntries(browser.calls.at(-1)!.headers)).toEqual({
    authorization: "Bearer new for /p",
    "content-type": "application/json",
    prefer: "wait=1",
    "idempotency-key": "k",
  });
});

test.each([
  ["a string", "äöü", "äöü", null],
  [
    "form fields",
    new URLSearchParams({ a: "1 2" }),
    "a=1+2",
    "application/x-www-form-urlencoded;charset=UTF-8",
  ],
  ["a blob", new Blob(["blob"], { type: "text/plain" }), "blob", null],
  ["a buffer", new TextEncoder().encode("buffer").buffer, "buffer", null],
  ["a part of a buffer", new TextEncoder().encode("a part").subarray(2), "part", null],
] as [string, BodyInit, string, string | null][])(
  "%s survives as a body",
  async (_name, body, text, type) => {
    const browser = createBrowser();
    const first = openPage(browser);
    await waitOn(first, "/p", { method: "POST", body });
    const second = await reload(browser, first);
    second.becomeReady();
    await settleStorage();
    expect(browser.handled).toEqual([{ url: "/p", body: text }]);
    expect(browser.calls.at(-1)!.headers.get("Content-Type")).toBe(type);
    if (body instanceof Blob) expect((browser.calls.at(-1)!.body as Blob).type).toBe("text/plain");
  },
);

test("a form waits in memory only, and that is told", async () => {
  const browser = createBrowser();
  const page = openPage(browser);
  const form = new FormData();
  form.set("a", "1");
  const answer = page.fetch("/p", { method: "POST", body: form });
  await settleStorage();
  expect(page.unkept).toMatchObject([{ name: "memory_only", reason: "body" }]);
  expect(await stored(browser.disk)).toEqual([]);
  page.becomeReady();
  await settleStorage();
  expect((await answer).status).toBe(200);
});

test("what the page does not want to be kept is not", async () => {
  const browser = createBrowser();
  const page = openPage(browser, { shouldKeep: (entry) => entry.url !== "/login" });
  await waitOnBoth(page);
  expect((await stored(browser.disk)).map(({ entry }) => entry.url)).toEqual(["/p"]);
});

async function waitOnBoth(page: ReturnType<typeof openPage>) {
  void page.fetch("/login", POST).catch(() => {});
  void page.fetch("/p", POST).catch(() => {});
  await settleStorage();
}

describe("a page that died while its request was under way", () => {
  async function diedUnderWay(init: object) {
    const browser = createBrowser();
    const first = openPage(browser);
    await waitOn(first, "/p", { ...POST, ...init });
    browser.answer = () => new Promise(() => {});
    first.becomeReady();
    await settleStorage();
    expect(browser.calls).toHaveLength(2);
    browser.answer = (url) => new Response(`answer to ${url}`);
    const second = await reload(browser, first);
    await browser.time.advance(5_000);
    await settleStorage();
    return { browser, second };
  }

  test("leaves a POST uncertain: it is told, and never sent again", async () => {
    const { browser, second } = await diedUnderWay({});
    expect(second.results).toMatchObject([{ error: { code: "uncertain" } }]);
    expect(browser.calls).toHaveLength(2);
    expect(await stored(browser.disk)).toEqual([]);
  });

  test("leaves an idempotent request to be sent again", async () => {
    const { browser, second } = await diedUnderWay({ idempotent: true });
    second.becomeReady();
    await settleStorage();
    expect(second.results).toMatchObject([{ response: { status: 200 } }]);
    expect(browser.calls).toHaveLength(3);
  });
});

describe.each([
  ["with Web Locks", true],
  ["without Web Locks", false],
])("%s", (_name, withLocks) => {
  const afterDeath = withLocks ? 10_000 : 170_000;

  test("two pages that look at once replay each request once", async () => {
    const browser = createBrowser({ withLocks });
    const first = openPage(browser);
    for (const url of ["/a", "/b", "/c"]) await waitOn(first, url);
    first.die();
    const others = [openPage(browser), openPage(browser)];
    await settleStorage();
    for (let passed = 0; passed < afterDeath; passed += 10_000) {
      await browser.time.advance(10_000);
      await settleStorage();
    }
    for (const page of others) page.becomeReady();
    await settleStorage();
    expect(browser.handled.map(({ url }) => url).sort()).toEqual(["/a", "/b", "/c"]);
    expect(others.flatMap(({ results }) => results)).toHaveLength(3);
  });

  test("a page that lives keeps its own requests", async () => {
    const browser = createBrowser({ withLocks });
    const first = openPage(browser);
    const answer = first.fetch("/a", POST);
    await settleStorage();
    const second = openPage(browser);
    for (let passed = 0; passed < 200_000; passed += 10_000) {
      await browser.time.advance(10_000);
      await settleStorage();
    }
    expect(second.queue.list()).toEqual([]);
    second.becomeReady();
    first.becomeReady();
    await settleStorage();
    expect((await answer).status).toBe(200);
    expect(browser.handled).toHaveLength(1);
  });

  test("no timer is left after stop", async () => {
    const browser = createBrowser({ withLocks });
    const page = openPage(browser);
    await waitOn(page, "/a");
    expect(browser.time.pending()).toBeGreaterThan(0);
    page.stop();
    await settleStorage();
    expect(browser.time.pending()).toBe(0);
    expect(page.queue.list()).toHaveLength(1);
  });
});

test("a page that was taken for dead lets go of what another page sends", async () => {
  const browser = createBrowser();
  const frozen = openPage(browser);
  const answer = frozen.fetch("/a", POST);
  const outcome = expect(answer).rejects.toMatchObject({ code: "elsewhere" });
  await settleStorage();
  browser.locks!.clear();
  const second = openPage(browser);
  await settleStorage();
  frozen.becomeReady();
  await settleStorage();
  await outcome;
  second.becomeReady();
  await settleStorage();
  expect(browser.handled).toHaveLength(1);
  expect(second.results).toHaveLength(1);
});

test("a deadline goes by the wall clock, also while no page is open", async () => {
  const browser = createBrowser();
  const first = openPage(browser);
  await waitOn(first, "/a", { ...POST, deadlineMs: 60_000 });
  first.die();
  browser.time.jump(61_000);
  browser.isReady = true;
  const second = openPage(browser);
  await settleStorage();
  expect(second.results).toMatchObject([{ error: { code: "expired" } }]);
  expect(browser.handled).toEqual([]);
  expect(await stored(browser.disk)).toEqual([]);
});

test("the bounds hold for what an earlier page left: the rest follows as places become free", async () => {
  const browser = createBrowser();
  const first = openPage(browser);
  for (const url of ["/a", "/b", "/c"]) {
    await waitOn(first, url);
    await browser.time.advance(1);
  }
  await settleStorage();
  const second = await reload(browser, first, { limits: { maxCount: 2 } });
  await settleStorage();
  expect(second.queue.list().map(({ url }) => url)).toEqual(["/a", "/b"]);
  second.becomeReady();
  await settleStorage();
  await browser.time.advance(10_000);
  await settleStorage();
  expect(browser.handled.map(({ url }) => url)).toEqual(["/a", "/b", "/c"]);
});

describe("storage that cannot be used", () => {
  const silent = () => new Promise<never>(() => {});
  const granted = (_name: string, hold: () => unknown) => hold();
  const broken: [string, Partial<KeptSeams>][] = [
    [
      "is forbidden",
      {
        indexedDB() {
          throw new DOMException("no", "SecurityError");
        },
      },
    ],
    ["does not answer", { indexedDB: () => ({ open: () => ({}) }) as unknown as IDBFactory }],
    ["grants no lock", { locks: { request: silent, query: silent } }],
    ["names no locks", { locks: { request: granted as LockManager["request"], query: silent } }],
  ];

  test.each(broken)("that %s leaves the queue in memory, and is told", async (_name, seams) => {
    const browser = createBrowser();
    const page = openPage(browser, { seams });
    const answer = page.fetch("/a", POST);
    await settleStorage();
    await browser.time.advance(10_000);
    await settleStorage();
    expect(page.unkept.map(({ reason }) => reason)).toContain("storage");
    page.becomeReady();
    await browser.time.advance(1);
    await settleStorage();
    expect((await answer).status).toBe(200);
    expect(browser.handled).toHaveLength(1);
  });

  function writerOn(exchange: () => Promise<void>) {
    const unkept: string[] = [];
    const writer = createWriter({
      owner: "me",
      database: { exchange, rows: async () => [], beat: async () => [] },
      announce: async () => {},
      shouldKeep: () => true,
      onUnkept: (id, reason) => unkept.push(`${id} ${reason}`),
    });
    const entry = { id: "r", attempts: 1 } as Parameters<typeof writer.put>[0];
    writer.put(entry, { url: "/", method: "POST", init: {}, bytes: 0, idempotent: false });
    return { writer, entry, unkept };
  }

  test("that is full when the mark is to be left gives up the row, so that nobody sends it again", async () => {
    const outcomes = [true, false, true];
    const { writer, entry, unkept } = writerOn(async () => {
      if (!outcomes.shift()) throw new DOMException("full", "QuotaExceededError");
    });
    expect(await writer.claim(entry)).toBe("unkept");
    expect(unkept).toEqual(["r storage"]);
    expect(outcomes).toEqual([]);
  });

  test("that takes neither mark nor deletion keeps the request from going out", async () => {
    const outcomes = [true];
    const { writer, entry } = writerOn(async () => {
      if (!outcomes.shift()) throw new DOMException("full", "QuotaExceededError");
    });
    await expect(writer.claim(entry)).rejects.toThrow("full");
  });
});

test("a header callback that fails does not leave word that the request was under way", async () => {
  const browser = createBrowser();
  const first = openPage(browser);
  await waitOn(first, "/a");
  const second = await reload(browser, first, {
    headers: () => Promise.reject(new Error("signed out")),
  });
  second.becomeReady();
  await settleStorage();
  expect(second.results).toMatchObject([{ error: { message: "signed out" } }]);
  expect(browser.handled).toEqual([]);
});

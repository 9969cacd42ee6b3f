import { IDBFactory } from "fake-indexeddb";
import { createReadinessStore, createReadyFetch, type QueueEvent, type QueueLimits } from "../src/index.ts";
import { type KeptEvent, type KeptRequestsOptions, type KeptResult, keptRequests } from "../src/persist.ts";
import { createFakeTime, type FakeTime } from "../src/testing.ts";
import { snapshot } from "./examples.ts";

/** One browser: a disk, Web Locks and a clock that its pages share. */
export interface Browser {
  time: FakeTime;
  disk: IDBFactory;
  locks: Set<string> | null;
  isReady: boolean;
  /** What reached the server, refused or not. */
  calls: { page: number; url: string; headers: Headers; body: unknown }[];
  /** What a handler carried out. */
  handled: { url: string; body: string }[];
  answer(url: string): Promise<Response> | Response;
  pages: number;
}

export function createBrowser(options: { withLocks?: boolean } = {}): Browser {
  const browser: Browser = {
    time: createFakeTime(),
    disk: new IDBFactory(),
    locks: options.withLocks === false ? null : new Set(),
    isReady: false,
    calls: [],
    handled: [],
    pages: 0,
    answer: (url) =>
      browser.isReady
        ? new Response(`answer to ${url}`)
        : Response.json(snapshot("loading"), { status: 425 }),
  };
  return browser;
}

/** fake-indexeddb answers a few turns of the event loop later; this waits for them, by no clock. */
export async function settleStorage(turns = 150): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

type PageOptions = Partial<KeptRequestsOptions> & { limits?: Partial<QueueLimits> };

export function openPage(browser: Browser, { limits, ...options }: PageOptions = {}) {
  browser.pages += 1;
  const page = browser.pages;
  const held = new Set<string>();
  let isGone = false;
  const results: KeptResult[] = [];
  const unkept: KeptEvent[] = [];
  const events: QueueEvent[] = [];
  const shelf = keptRequests({
    onResult: (result) => results.push(result),
    onEvent: (event) => unkept.push(event),
    ...options,
    seams: {
      clock: browser.time,
      timers: browser.time.timers,
      random: seeded(page),
      indexedDB: () => browser.disk,
      locks: browser.locks === null ? undefined : fakeLocks(browser.locks, held),
      ...options.seams,
    },
  });
  const store = createReadinessStore(browser.time);
  const room = createReadyFetch({
    seams: {
      clock: browser.time,
      timers: browser.time.timers,
      random: () => 0.5,
      async fetch(input, init) {
        if (isGone) return new Promise(() => {});
        const url = String(input);
        browser.calls.push({ page, url, headers: new Headers(init?.headers), body: init?.body });
        const response = await browser.answer(url);
        if (response.status === 200) browser.handled.push({ url, body: await textOf(init?.body) });
        return isGone ? new Promise(() => {}) : response;
      },
    },
    readiness: store,
    shelf,
    limits: { spreadMs: 0, ...limits },
    onEvent: (event) => events.push(event),
  });
  store.accept(snapshot("loading"));
  room.start();
  return {
    ...room,
    store,
    results,
    unkept,
    events,
    becomeReady() {
      browser.isReady = true;
      store.accept(snapshot("ready"));
    },
    /** The page ends as a tab that is closed: nothing of it runs any more, and its locks are free. */
    die() {
      isGone = true;
      room.stop();
      for (const name of held) browser.locks?.delete(name);
    },
  };
}

function seeded(seed: number): () => number {
  let state = seed * 2_654_435_761;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

function fakeLocks(all: Set<string>, own: Set<string>): Pick<LockManager, "request" | "query"> {
  return {
    request: (async (name: string, hold: () => Promise<unknown>) => {
      all.add(name);
      own.add(name);
      await hold();
    }) as LockManager["request"],
    query: async () => ({ held: [...all].map((name) => ({ name })), pending: [] }) as LockManagerSnapshot,
  };
}

export async function textOf(body: BodyInit | null | undefined): Promise<string> {
  return new Response(body ?? "").text();
}

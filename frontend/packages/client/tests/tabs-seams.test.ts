import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { LockEvents } from "../src/tabs.ts";
import { browserTabSeams } from "../src/tabs-seams.ts";
import { settle } from "../src/testing.ts";

type Callback = () => Promise<void>;

/** `navigator.locks` as far as one request goes: the test is the browser. */
interface FakeRequest {
  name: string;
  options: LockOptions;
  grant(): void;
  fail(name: string): void;
  /** Whether the lock was let go of. */
  isReleased: boolean;
}

const requests: FakeRequest[] = [];

function fakeRequest(name: string, options: LockOptions, callback: Callback): Promise<void> {
  return new Promise((resolve, reject) => {
    const request: FakeRequest = {
      name,
      options,
      isReleased: false,
      grant: () =>
        void callback().then(() => {
          request.isReleased = true;
          resolve();
        }),
      fail: (error) => reject(new DOMException("no", error)),
    };
    options.signal?.addEventListener("abort", () => request.fail("AbortError"));
    requests.push(request);
  });
}

beforeEach(() => {
  requests.length = 0;
  vi.stubGlobal("navigator", { locks: { request: fakeRequest } });
});
afterEach(() => vi.unstubAllGlobals());

function asked(steal = false) {
  const heard: (keyof LockEvents)[] = [];
  const events: LockEvents = {
    onGranted: () => heard.push("onGranted"),
    onLost: () => heard.push("onLost"),
    onRefused: () => heard.push("onRefused"),
  };
  const release = browserTabSeams().requestLock?.("name", steal, events) ?? (() => {});
  const [request] = requests as [FakeRequest];
  return { heard, release, request };
}

describe("locks", () => {
  test("a lock is held until it is given up, and nothing is said of that", async () => {
    const { heard, release, request } = asked();
    request.grant();
    await settle();
    expect([heard, request.isReleased]).toEqual([["onGranted"], false]);
    release();
    await settle();
    expect([heard, request.isReleased]).toEqual([["onGranted"], true]);
  });

  test("a place in the line can be given up, and nothing is said of that", async () => {
    const { heard, release, request } = asked();
    release();
    await settle();
    expect(request.options.signal?.aborted).toBe(true);
    expect(heard).toEqual([]);
  });

  test("what is granted after it was given up is let go of at once", async () => {
    const { heard, release, request } = asked(true);
    release();
    request.grant();
    await settle();
    expect([heard, request.isReleased]).toEqual([[], true]);
  });

  test("a theft carries no signal, which browsers refuse beside it", () => {
    expect(asked(true).request.options).toEqual({ steal: true });
  });

  for (const grant of [true, false])
    test(`a stolen lock is told as lost, ${grant ? "after" : "before"} this tab knew that it was granted`, async () => {
      const { heard, request } = asked();
      if (grant) request.grant();
      request.fail("AbortError");
      await settle();
      expect(heard.at(-1)).toBe("onLost");
      expect(heard).not.toContain("onRefused");
    });

  test("where locks are forbidden, that is told as refused", async () => {
    const { heard, request } = asked();
    request.fail("SecurityError");
    await settle();
    expect(heard).toEqual(["onRefused"]);
  });

  test("an insecure origin has none", () => {
    vi.stubGlobal("navigator", {});
    expect(browserTabSeams().requestLock).toBeNull();
  });
});

test("a channel carries a message to the others of its name, and nothing once it is closed", async () => {
  const { openChannel } = browserTabSeams();
  const heard: unknown[] = [];
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const listener = openChannel?.("name", (data) => {
    heard.push(data);
    arrive();
  });
  const speaker = openChannel?.("name", () => heard.push("an echo"));
  speaker?.post({ type: "hello" });
  await arrived;
  expect(heard).toEqual([{ type: "hello" }]);
  speaker?.close();
  listener?.close();
});

test("where there are no channels, that is known", () => {
  vi.stubGlobal("BroadcastChannel", undefined);
  expect(browserTabSeams().openChannel).toBeNull();
});

test("a page says that it goes and that it is back, until nobody listens", () => {
  const page = new EventTarget();
  const document = new EventTarget();
  vi.stubGlobal("window", page);
  vi.stubGlobal("document", document);
  const heard: boolean[] = [];
  const stop = browserTabSeams().watchAway((isAway) => heard.push(isAway));
  const tell = () => {
    page.dispatchEvent(new Event("pagehide"));
    page.dispatchEvent(new Event("pageshow"));
    document.dispatchEvent(new Event("freeze"));
    document.dispatchEvent(new Event("resume"));
  };
  tell();
  stop();
  tell();
  expect(heard).toEqual([true, false, true, false]);
});

test("where there is no page, nothing is watched", () => {
  expect(() => browserTabSeams().watchAway(() => {})()).not.toThrow();
});

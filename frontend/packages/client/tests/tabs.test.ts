import { describe, expect, test } from "vitest";
import { CLOSE_CODES, createGreenroom, createLink } from "../src/index.ts";
import { type RequestLock, sharedLink, type TabSeams } from "../src/tabs.ts";
import type { FakeBrowser } from "../src/tabs-testing.ts";
import type { FakeServer } from "../src/testing.ts";
import { createTabsWorld, type Tab } from "./tabs-world.ts";

/** Tabs a, b, …, opened one after another, at 40 %. */
async function opened(count: number) {
  const world = createTabsWorld();
  world.server.load(40);
  const tabs: Tab[] = [];
  for (const label of "abcde".slice(0, count)) {
    tabs.push(world.open(label));
    await world.server.time.advance(10);
  }
  const [a, b, c] = tabs as [Tab, Tab, Tab];
  return { ...world, tabs, a, b, c, time: world.server.time };
}

const states = (tab: Tab) => tab.statuses.map(({ state }) => state);

describe("one socket", () => {
  test("three tabs have one socket, and all show what it says", async () => {
    const { sockets, tabs, server, time } = await opened(3);
    expect(sockets()).toEqual(["a"]);
    server.load(55);
    await time.advance(0);
    expect(tabs.map((tab) => tab.progress())).toEqual([55, 55, 55]);
    expect(tabs.map((tab) => tab.state())).toEqual(["live", "live", "live"]);
  });

  test("a tab that joins late shows everything at once, without waiting for a change", async () => {
    const { open, server, time } = await opened(1);
    server.ready();
    await time.advance(3_000);
    const late = open("late");
    await time.advance(0);
    expect(late.progress()).toBe(100);
    expect(states(late)).toEqual(["connecting", "live"]);
  });

  test("a tab that joins a line that is away is told so at once", async () => {
    const { open, server, time } = await opened(1);
    server.stop();
    await time.advance(1_000);
    const late = open("late");
    await time.advance(0);
    expect(late.state()).toBe("reconnecting");
    expect(late.link.status().code).toBe(CLOSE_CODES.LOST);
    expect(late.progress()).toBe(40);
  });

  test("two tabs that open at the same moment agree on one socket", async () => {
    const { open, sockets, server } = createTabsWorld();
    const both = [open("a"), open("b")];
    await server.time.advance(10);
    expect(sockets()).toEqual(["a"]);
    expect(both.map((tab) => tab.state())).toEqual(["live", "live"]);
  });

  test("every message of the server reaches every tab once", async () => {
    const { a, b, server, time } = await opened(2);
    a.messages.length = 0;
    b.messages.length = 0;
    server.load(41);
    server.say({ type: "ping", at: "now" });
    await time.advance(0);
    expect(a.messages.map(({ type }) => type)).toEqual(["initialization", "ping"]);
    expect(b.messages).toEqual(a.messages);
  });

  test("what is polled because no socket comes through is shown by all", async () => {
    const world = createTabsWorld();
    world.server.network.blockSockets();
    world.server.load(12);
    const both = [world.open("a"), world.open("b")];
    await world.server.time.advance(4_000);
    expect(both.map((tab) => tab.state())).toEqual(["polling", "polling"]);
    expect(both.map((tab) => tab.progress())).toEqual([12, 12]);
  });

  test("tabs that follow other models, or other servers, have a socket of their own", async () => {
    const { open, sockets, server } = createTabsWorld();
    for (const [label, query] of [
      ["a", ""],
      ["b", "?models=minilm"],
    ] as const)
      open(label, query);
    await server.time.advance(10);
    expect(sockets()).toEqual(["a", "b"]);
  });

  test("one set of models is one socket, in whichever order it is named", async () => {
    const { open, sockets, server } = createTabsWorld(1, ["one", "two"]);
    open("a", "?models=one,two");
    open("b", "?models=two,one");
    await server.time.advance(10);
    expect(sockets()).toEqual(["a"]);
  });

  test("a follower that somebody looks at lets the leader ask the server", async () => {
    const { b, server, time } = await opened(2);
    server.network.dropFrames(1);
    server.load(77);
    b.link.resync();
    await time.advance(0);
    expect(b.progress()).toBe(77);
  });

  test("when the network returns, the tab that notices lets the leader connect at once", async () => {
    const { a, b, server, sockets, time } = await opened(2);
    a.page.hide();
    server.network.down();
    await time.advance(60_000);
    server.network.up();
    b.page.goOnline();
    await time.advance(0);
    expect(sockets()).toHaveLength(1);
    expect([a.state(), b.state()]).toEqual(["live", "live"]);
  });
});

describe("start and stop", () => {
  test("two tabs that mount, unmount and mount again end with one socket", async () => {
    const { server, browser, sockets } = createTabsWorld();
    const rooms = ["a", "b"].map((clientId) => {
      const { address } = server.openPage();
      const tab = browser.openTab(address.seams);
      const seams = tab.seams;
      return createGreenroom({ ...address, seams, clientId, createLink: sharedLink(tab.shared) });
    });
    for (const room of rooms) room.retain()();
    const letGo = rooms.map((room) => room.retain());
    await server.time.advance(100);
    expect(sockets()).toEqual(["a"]);
    expect(rooms.map((room) => room.store.getView().link.state)).toEqual(["live", "live"]);
    for (const leave of letGo) leave();
    await server.time.advance(100);
    expect(sockets()).toEqual([]);
    expect(server.time.pending()).toBe(0);
  });

  test("starting twice changes nothing, stopping twice neither, and it can start again", async () => {
    const { a, b, server, sockets, time } = await opened(2);
    for (const tab of [a, b]) tab.link.start();
    await time.advance(1_000);
    expect(sockets()).toEqual(["a"]);
    for (const tab of [a, b, a, b]) tab.link.stop();
    expect([a.state(), b.state()]).toEqual(["stopped", "stopped"]);
    expect(time.pending()).toBe(0);
    for (const tab of [a, b]) tab.link.start();
    server.load(50);
    await time.advance(10);
    expect(sockets()).toEqual(["a"]);
    expect([a.progress(), b.progress()]).toEqual([50, 50]);
  });

  test("starting, stopping and starting within one turn leaves one socket", async () => {
    const { a, sockets, time } = await opened(1);
    a.link.stop();
    a.link.start();
    a.link.stop();
    a.link.start();
    await time.advance(10);
    expect(sockets()).toEqual(["a"]);
  });

  test("no timer and no lock is left after a stop, whatever the tab was about to do", async () => {
    const { a, b, c, sockets, time } = await opened(3);
    a.freeze();
    await time.advance(5_600);
    for (const tab of [b, c]) tab.link.stop();
    a.crash();
    await time.advance(10_000);
    expect(time.pending()).toBe(0);
    expect(sockets()).toEqual([]);
  });

  test("before it starts and after it stops, looking does nothing", async () => {
    const { a, b, time, sockets } = await opened(2);
    a.link.stop();
    b.link.stop();
    a.link.resync();
    await time.advance(5_000);
    expect(sockets()).toEqual([]);
    expect(a.state()).toBe("stopped");
  });

  test("a refusal for good reaches all tabs, and a tab that starts tries again for all", async () => {
    const { a, b, open, server, time, sockets } = await opened(2);
    server.close(4401, "who are you?");
    await time.advance(10);
    expect([a.link.status(), b.link.status()].map(({ state, code }) => [state, code])).toEqual([
      ["stopped", 4401],
      ["stopped", 4401],
    ]);
    b.link.stop();
    expect(b.link.status().code).toBe(4401);
    b.link.start();
    open("c");
    await time.advance(10);
    expect(sockets()).toEqual(["a"]);
    expect([a.state(), b.state()]).toEqual(["live", "live"]);
  });

  test("a follower can start again what was refused for good", async () => {
    const { b, server, time, sockets } = await opened(2);
    server.close(4401);
    await time.advance(10);
    b.link.start();
    await time.advance(10);
    expect(sockets()).toEqual(["a"]);
    expect(b.state()).toBe("live");
  });
});

describe("strangers", () => {
  const NAME = "greenroom/1 ws://greenroom.test/ws/init/?";
  const NONSENSE = [
    null,
    "text",
    42,
    {},
    { type: "state" },
    { type: "state", from: "x", at: 0, status: null, snapshot: null },
    {
      type: "state",
      from: "x",
      at: 0,
      isNew: true,
      status: { state: "dreaming", code: 0, reason: "" },
      snapshot: null,
    },
    { type: "bye", from: "x" },
    { type: "frame", from: "x", at: 0, data: 1 },
    { type: "frame", from: "x", at: 0, data: "{" },
    { type: "ask", from: "x", at: 0, want: "money" },
    { type: "from the future", from: "x", at: 0 },
  ];

  test("what is not understood on the channel changes nothing, for leader and follower", async () => {
    const { a, b, browser, server, time, sockets } = await opened(2);
    const { shared } = browser.openTab(server.openPage().address.seams);
    const channel = shared.openChannel?.(NAME, () => {});
    const seen = [a, b].map((tab) => [tab.statuses.length, tab.snapshots.length]);
    for (const nonsense of NONSENSE) channel?.post(nonsense);
    await time.advance(0);
    expect([a, b].map((tab) => [tab.statuses.length, tab.snapshots.length])).toEqual(seen);
    server.load(44);
    await time.advance(0);
    expect([a.progress(), b.progress()]).toEqual([44, 44]);
    expect(sockets()).toEqual(["a"]);
  });

  test("a snapshot that is none is left out, and what stands beside it is shown", async () => {
    const { b, browser, server, time } = await opened(2);
    const { shared } = browser.openTab(server.openPage().address.seams);
    const status = { state: "polling", code: 0, reason: "" };
    const words = {
      type: "state",
      from: "x",
      at: 0,
      isNew: true,
      isHidden: false,
      status,
      snapshot: { ready: true },
    };
    shared.openChannel?.(NAME, () => {}).post(words);
    await time.advance(0);
    expect(b.state()).toBe("polling");
    expect(b.progress()).toBe(40);
  });
});

describe("without the browser's help", () => {
  test("without locks or channels it is the plain link itself", () => {
    expect(sharedLink({ requestLock: null })).toBe(createLink);
    expect(sharedLink({ ...SOME, openChannel: null })).toBe(createLink);
    expect(sharedLink()).toBe(createLink);
  });

  test("where channels are forbidden, each tab has a socket of its own", async () => {
    const { server, browser, sockets } = createTabsWorld();
    const forbidden = () => {
      throw new DOMException("no", "SecurityError");
    };
    await startTwo(server, browser, { openChannel: forbidden });
    expect(sockets()).toEqual(["0", "1"]);
  });

  test("where locks are refused, each tab has a socket of its own", async () => {
    const { server, browser, sockets } = createTabsWorld();
    await startTwo(server, browser, {
      requestLock: (_name, _steal, events) => {
        queueMicrotask(events.onRefused);
        return () => {};
      },
    });
    expect(sockets()).toEqual(["0", "1"]);
  });
});

describe("locks that do not answer", () => {
  test("locks that never answer do not keep tabs from the server", async () => {
    const { server, browser, sockets } = createTabsWorld();
    await startTwo(server, browser, { requestLock: () => () => {} });
    await server.time.advance(3_000);
    expect(sockets()).toHaveLength(1);
  });

  test("locks that answer late still end with one socket", async () => {
    const { server, browser, sockets } = createTabsWorld();
    const late = (requestLock: RequestLock): RequestLock => {
      return (name, steal, events) => {
        let release = () => {};
        const cancel = server.time.schedule(() => {
          release = requestLock(name, steal, events);
        }, 5_000);
        return () => {
          cancel();
          release();
        };
      };
    };
    await startTwo(server, browser, {}, late);
    await server.time.advance(4_000);
    expect(sockets()).toHaveLength(1);
    await server.time.advance(60_000);
    expect(sockets()).toHaveLength(1);
  });
});

const SOME = { requestLock: () => () => {}, openChannel: () => ({ post() {}, close() {} }) };

async function startTwo(
  server: FakeServer,
  browser: FakeBrowser,
  shared: Partial<TabSeams>,
  wrap = (requestLock: RequestLock) => requestLock,
): Promise<void> {
  for (const clientId of ["0", "1"]) {
    const { address } = server.openPage();
    const tab = browser.openTab(address.seams);
    const requestLock = tab.shared.requestLock && { requestLock: wrap(tab.shared.requestLock) };
    const createLink = sharedLink({ ...tab.shared, ...requestLock, ...shared });
    createGreenroom({ ...address, seams: tab.seams, clientId, createLink }).start();
  }
  await server.time.advance(10);
}

import { describe, expect, test } from "vitest";
import { createTabsWorld, type Tab } from "./tabs-world.ts";

/** Tabs a, b, …, opened one after another; a leads. Loading (the server speaks each second) unless told. */
async function opened(count: number, isReady = false) {
  const world = createTabsWorld();
  if (isReady) world.server.ready();
  else world.server.load(40);
  const tabs: Tab[] = [];
  for (const label of "abcde".slice(0, count)) {
    tabs.push(world.open(label));
    await world.server.time.advance(10);
  }
  for (const tab of tabs) tab.statuses.length = 0;
  const [a, b, c] = tabs as [Tab, Tab, Tab];
  return { ...world, tabs, a, b, c, time: world.server.time };
}

const states = (tab: Tab) => tab.statuses.map(({ state }) => state);

describe("the leader goes", () => {
  for (const [how, go] of [
    ["is stopped", (tab: Tab) => tab.link.stop()],
    ["is closed", (tab: Tab) => tab.leave()],
    ["crashes", (tab: Tab) => tab.crash()],
  ] as const)
    test(`when the leader ${how}, the next in line takes over at once, and nobody sees it`, async () => {
      const { a, b, c, server, sockets, time } = await opened(3);
      go(a);
      await time.advance(10);
      expect(sockets()).toEqual(["b"]);
      server.load(60);
      await time.advance(10);
      expect([b.progress(), c.progress()]).toEqual([60, 60]);
      expect([states(b), states(c)]).toEqual([[], []]);
    });

  test("when the leader closes and the next in line is frozen, another takes over within a second", async () => {
    const { a, b, c, sockets, time } = await opened(3);
    b.freeze();
    a.leave();
    await time.advance(1_000);
    expect(sockets()).toEqual(["c"]);
    expect(states(c)).toEqual([]);
    b.thaw();
    await time.advance(1_000);
    expect(sockets()).toEqual(["c"]);
    expect(b.state()).toBe("live");
  });

  test("a successor that gets no first frame admits after two seconds that it is connecting", async () => {
    const { a, b, c, server, time } = await opened(3);
    server.network.blockSockets("swallow");
    server.network.loseCalls(10);
    a.link.stop();
    await time.advance(1_900);
    expect([states(b), states(c)]).toEqual([[], []]);
    await time.advance(200);
    expect([states(b), states(c)]).toEqual([["connecting"], ["connecting"]]);
  });

  test("a successor whose socket is refused says so at once", async () => {
    const { a, b, c, server, time } = await opened(3);
    a.crash();
    server.stop();
    await time.advance(10);
    expect([states(b), states(c)]).toEqual([["reconnecting"], ["reconnecting"]]);
  });

  test("what was shown an hour ago is not passed off as live", async () => {
    const { a, b, server, time } = await opened(2);
    b.freeze();
    await time.advance(3_000);
    a.freeze();
    await time.advance(3_600_000);
    server.network.blockSockets("swallow");
    a.crash();
    b.thaw();
    await time.advance(1);
    expect(b.state()).toBe("connecting");
  });

  test("a tab that joins while a successor connects is not told what is an hour old", async () => {
    const { a, b, open, server, time } = await opened(2);
    b.freeze();
    await time.advance(3_000);
    a.freeze();
    await time.advance(3_600_000);
    server.network.blockSockets("swallow");
    a.crash();
    b.thaw();
    const late = open("late");
    await time.advance(100);
    expect(late.snapshots).toEqual([]);
  });
});

describe("the leader is frozen", () => {
  test("a visible tab takes over while loading, in five seconds of patience and less than one to ask", async () => {
    const { a, b, sockets, server, time } = await opened(2);
    a.freeze();
    await time.advance(4_900);
    expect(sockets()).toEqual(["a"]);
    await time.advance(2_000);
    server.load(66);
    await time.advance(0);
    expect(b.progress()).toBe(66);
    expect(states(b)).toEqual([]);
    expect(sockets()).toContain("b");
  });

  test("when all is ready it is believed for two heartbeats", async () => {
    const { a, b, sockets, time } = await opened(2, true);
    a.freeze();
    await time.advance(20_000);
    expect(sockets()).toEqual(["a"]);
    await time.advance(14_000);
    expect(sockets()).toContain("b");
    expect(states(b)).toEqual([]);
  });

  test("a tab that somebody turns to takes over within a second", async () => {
    const { a, b, sockets, time } = await opened(2, true);
    b.page.hide();
    a.freeze();
    await time.advance(1_000);
    b.page.show();
    await time.advance(1_000);
    expect(sockets()).toContain("b");
  });

  test("a tab that is opened takes over within a second", async () => {
    const { a, open, sockets, server, time } = await opened(1, true);
    a.freeze();
    const late = open("late");
    await time.advance(1_000);
    expect(sockets()).toContain("late");
    expect(late.progress()).toBe(100);
    expect(server.network.lines).toHaveLength(2);
  });

  test("one that was robbed gives up its socket when it thaws, and follows", async () => {
    const { a, b, sockets, server, time } = await opened(2);
    a.freeze();
    await time.advance(10_000);
    a.thaw();
    await time.advance(10);
    expect(sockets()).toEqual(["b"]);
    server.load(81);
    await time.advance(0);
    expect([a.progress(), b.progress()]).toEqual([81, 81]);
    await time.advance(60_000);
    expect(sockets()).toEqual(["b"]);
    expect(states(a)).toEqual([]);
  });

  test("what the robbed one still says before it knows is not shown by the others", async () => {
    const { a, c, time } = await opened(3);
    a.freeze();
    await time.advance(10_000);
    a.thaw();
    await time.advance(100);
    const order = c.snapshots.map(({ seq }) => seq);
    expect(order).toEqual([...order].sort((left, right) => left - right));
  });

  test("what was said before the question is no answer", async () => {
    const { a, b, server, sockets, time } = await opened(2, true);
    b.page.hide();
    // In b, the event that somebody looks waits before the leader's last words.
    b.freeze();
    b.page.show();
    server.say({ type: "ping", at: "now" });
    await time.advance(1_000);
    a.freeze();
    b.thaw();
    await time.advance(800);
    expect(sockets()).toContain("b");
  });

  test("two tabs that begin to miss the leader at the same moment open one socket", async () => {
    const { a, open, sockets, attempts, time } = await opened(1);
    for (const label of ["b", "c"]) open(label);
    await time.advance(100);
    attempts.length = 0;
    a.freeze();
    await time.advance(20_000);
    expect(attempts).toHaveLength(1);
    expect(sockets()).toHaveLength(2);
  });

  test("of two visible tabs one takes over, and they do not rob each other", async () => {
    const { a, b, c, sockets, attempts, time } = await opened(3);
    attempts.length = 0;
    a.freeze();
    await time.advance(10_000);
    a.thaw();
    await time.advance(300_000);
    expect(sockets()).toHaveLength(1);
    expect(attempts).toHaveLength(1);
    expect([a, b, c].map((tab) => tab.state())).toEqual(["live", "live", "live"]);
  });

  test("two tabs that rob at the same moment end with one socket, and show the same", async () => {
    const { a, b, c, sockets, server, time } = await opened(3);
    a.freeze();
    b.freeze();
    c.freeze();
    // Both missed the same leader and were frozen past their decision: both timers come at once.
    await time.advance(5_400);
    b.thaw();
    c.thaw();
    await time.advance(3_000);
    a.thaw();
    await time.advance(3_000);
    server.load(90);
    await time.advance(0);
    expect(sockets()).toHaveLength(1);
    expect([a, b, c].map((tab) => tab.progress())).toEqual([90, 90, 90]);
  });

  test("a hidden tab waits for a visible one to take over, and does it itself when there is none", async () => {
    const { a, b, c, sockets, time } = await opened(3);
    b.page.hide();
    a.freeze();
    await time.advance(7_000);
    expect(sockets()).toEqual(["a", "c"]);
    c.freeze();
    await time.advance(20_000);
    expect(sockets()).toContain("b");
  });

  test("a leader that is alive answers at once and is not robbed, however silent the server", async () => {
    const { a, b, server, sockets, attempts, time } = await opened(2);
    attempts.length = 0;
    server.stop();
    await time.advance(120_000);
    expect([a.state(), b.state()]).toEqual(["reconnecting", "reconnecting"]);
    // Full jitter from 0.5 to 20 seconds: a follower's questions did not hurry it.
    expect(attempts.length).toBeLessThan(30);
    expect(new Set(attempts)).toEqual(new Set(["a"]));
    server.start();
    await time.advance(25_000);
    expect(sockets()).toEqual(["a"]);
    expect([a.progress(), b.progress()]).toEqual([0, 0]);
  });

  test("a machine that slept asks again before a tab robs", async () => {
    const { a, b, sockets, time } = await opened(2);
    // The lid was closed in the very moment in which b had asked; it opens, and b is the first to wake up.
    a.freeze();
    b.link.resync();
    time.jump(3_600_000);
    await time.advance(760);
    a.thaw();
    await time.advance(2_000);
    expect(sockets()).toEqual(["a"]);
    expect([a.state(), b.state()]).toEqual(["live", "live"]);
  });

  test("a tab whose timers are always late asks twice, and then robs", async () => {
    const { a, b, sockets, time } = await opened(2);
    a.freeze();
    b.link.resync();
    for (let round = 0; round < 2; round += 1) {
      expect(sockets()).toEqual(["a"]);
      time.jump(60_000);
      await time.advance(760);
    }
    expect(sockets()).toContain("b");
  });

  test("a tab that is granted the lock while it is frozen is robbed, and lets go when it thaws", async () => {
    const { a, b, c, sockets, server, time } = await opened(3);
    b.freeze();
    a.crash();
    await time.advance(10_000);
    expect(sockets()).toEqual(["c"]);
    b.thaw();
    await time.advance(2_000);
    server.load(70);
    await time.advance(0);
    expect(sockets()).toEqual(["c"]);
    expect([b.progress(), c.progress()]).toEqual([70, 70]);
  });
});

describe("the leader is hidden", () => {
  test("it keeps a line that is live: turning to another tab costs no socket", async () => {
    const { a, b, sockets, attempts, time } = await opened(2);
    attempts.length = 0;
    a.page.hide();
    await time.advance(60_000);
    expect(sockets()).toEqual(["a"]);
    expect(attempts).toEqual([]);
    expect(b.state()).toBe("live");
  });

  test("a line that is lost is got back by the tab that somebody sees, whose timers are not slowed", async () => {
    const { a, b, c, server, sockets, time } = await opened(3);
    a.page.hide();
    c.page.hide();
    server.stop();
    await time.advance(1_000);
    server.start();
    await time.advance(5_000);
    expect(sockets()).toEqual(["b"]);
    expect([a, b, c].map((tab) => tab.state())).toEqual(["live", "live", "live"]);
  });

  test("a tab that somebody sees takes a lost line over when the leader is put in the background", async () => {
    const { a, b, server, attempts, time } = await opened(2);
    server.stop();
    await time.advance(1_000);
    attempts.length = 0;
    a.page.hide();
    await time.advance(300);
    expect(attempts.at(-1)).toBe("b");
    expect(b.state()).toBe("reconnecting");
  });

  test("hidden tabs leave each other the line, however long it is lost", async () => {
    const { a, b, server, attempts, time } = await opened(2);
    a.page.hide();
    b.page.hide();
    server.stop();
    await time.advance(120_000);
    expect(attempts).not.toContain("b");
  });
});

describe("the page is put aside", () => {
  test("a page in the back-forward cache has no socket, timer or lock, and another tab takes over", async () => {
    const { a, b, server, sockets, time } = await opened(2);
    a.leave();
    await time.advance(10);
    expect(sockets()).toEqual(["b"]);
    b.link.stop();
    expect(time.pending()).toBe(0);
    expect(a.state()).toBe("live");
    a.comeBack();
    server.load(50);
    await time.advance(10);
    expect(sockets()).toEqual(["a"]);
    expect(a.progress()).toBe(50);
  });

  test("when it comes back it follows whoever leads, and shows what is true now", async () => {
    const { a, server, sockets, time } = await opened(2);
    a.leave();
    server.load(90);
    await time.advance(60_000);
    a.comeBack();
    await time.advance(0);
    expect(sockets()).toEqual(["b"]);
    expect(a.progress()).toBe(90);
  });

  test("a page that was told twice that it goes, or is back, does the same once", async () => {
    const { a, sockets, time } = await opened(1);
    for (const tell of [a.leave, a.leave, a.comeBack, a.comeBack]) tell();
    await time.advance(10);
    expect(sockets()).toEqual(["a"]);
    a.leave();
    a.link.stop();
    a.comeBack();
    await time.advance(10);
    expect(sockets()).toEqual([]);
    expect(time.pending()).toBe(0);
  });
});

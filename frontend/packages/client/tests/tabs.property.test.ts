import fc from "fast-check";
import { expect, test } from "vitest";
import { createTabsWorld, type Tab, type TabsWorld } from "./tabs-world.ts";

/**
 * Up to five tabs come and go as people make them, and browsers freeze them as they please. Whatever happened, a
 * minute later the tabs agree.
 */
const MAX_TABS = 5;
/** As for the stories over the whole client: a fixed seed, or that many new ones. */
const RUNS = Number(process.env.GREENROOM_FUZZ_RUNS ?? 0);
const SETTINGS = RUNS > 0 ? { numRuns: RUNS } : { numRuns: 100, seed: 20_261_121 };
const TIMEOUT_MS = 60_000 + RUNS * 500;
/** Patience (two heartbeats and two seconds), that of a hidden tab, and the time to ask and to connect. */
const PEACE_MS = 60_000;

type Deed = (tab: Fate, world: TabsWorld) => void;

interface Fate {
  tab: Tab;
  isFrozen: boolean;
  /** Stopped, crashed, or put aside: it neither has a socket nor shows anything. */
  isOut: boolean;
  isGone: boolean;
}

const DEEDS: Record<string, Deed> = {
  freeze(fate) {
    fate.tab.freeze();
    fate.isFrozen = true;
  },
  thaw(fate) {
    fate.tab.thaw();
    fate.isFrozen = false;
  },
  hide: ({ tab }) => tab.page.hide(),
  show: ({ tab }) => tab.page.show(),
  resync: ({ tab }) => tab.link.resync(),
  close(fate) {
    fate.tab.crash();
    fate.isGone = true;
  },
  leave(fate) {
    if (fate.isFrozen) return;
    fate.tab.leave();
    fate.isOut = true;
  },
  comeBack(fate) {
    if (fate.isFrozen) return;
    fate.tab.comeBack();
    fate.isOut = false;
  },
};

const SERVER_DEEDS: Record<string, (world: TabsWorld) => void> = {
  ready: ({ server }) => server.ready(),
  modelRestarts: ({ server }) => server.modelRestarts(),
  restart: ({ server }) => server.restart(),
  cut: ({ server }) => server.close(1006),
};

const steps = fc.array(
  fc.record({
    what: fc.oneof(
      { weight: 3, arbitrary: fc.constant("open") },
      { weight: 8, arbitrary: fc.constantFrom(...Object.keys(DEEDS)) },
      { weight: 2, arbitrary: fc.constantFrom(...Object.keys(SERVER_DEEDS)) },
    ),
    whom: fc.nat(MAX_TABS - 1),
    thenMs: fc.constantFrom(0, 1, 100, 600, 3_000, 30_000),
  }),
  { minLength: 1, maxLength: 25 },
);

async function live(seed: number, story: { what: string; whom: number; thenMs: number }[]) {
  const world = createTabsWorld(seed);
  const fates: Fate[] = [];
  for (const [index, { what, whom, thenMs }] of story.entries()) {
    const present = fates.filter(({ isGone }) => !isGone);
    const fate = present[whom % Math.max(1, present.length)];
    if (what === "open" && present.length < MAX_TABS) {
      const tab = world.open(`t${index}`);
      fates.push({ tab, isFrozen: false, isOut: false, isGone: false });
    } else if (fate && DEEDS[what]) DEEDS[what](fate, world);
    SERVER_DEEDS[what]?.(world);
    await world.server.time.advance(thenMs);
  }
  await world.server.time.advance(PEACE_MS);
  return { world, fates };
}

test(
  "whatever tabs do, those that can show anything end with one live socket and the server's newest snapshot",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), steps, async (seed, story) => {
        const { world, fates } = await live(seed, story);
        const awake = fates.filter(({ isGone, isFrozen, isOut }) => !isGone && !isFrozen && !isOut);
        const names = new Set(awake.map(({ tab }) => tab.name));
        expect(world.sockets().filter((owner) => names.has(owner))).toHaveLength(Math.min(1, awake.length));
        const { epoch, seq } = world.server.snapshot();
        for (const { tab } of awake) {
          expect(tab.state()).toBe("live");
          expect(tab.snapshots.at(-1)).toMatchObject({ epoch, seq });
        }
        for (const { tab } of fates.filter(({ isGone }) => !isGone)) {
          tab.thaw();
          tab.link.stop();
        }
        await world.server.time.advance(0);
        expect(world.sockets()).toEqual([]);
        expect(world.server.time.pending()).toBe(0);
      }),
      SETTINGS,
    );
  },
  TIMEOUT_MS,
);

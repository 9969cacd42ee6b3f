import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { duplicates, isInOrderOfKeys, Stage, type Told } from "./story.ts";
import { type StoryPlan, story } from "./story-steps.ts";

/**
 * Random stories over the whole client. A fixed seed in everyday runs, so that they say the same twice;
 * `GREENROOM_FUZZ_RUNS=1000` tells that many new ones (fast-check prints the seed of one that fails).
 */
const RUNS = Number(process.env.GREENROOM_FUZZ_RUNS ?? 0);
const SETTINGS = RUNS > 0 ? { numRuns: RUNS } : { numRuns: 60, seed: 20_261_121 };
const TIMEOUT_MS = 60_000 + RUNS * 2_000;
const sums = { stories: 0, requests: 0, handled: 0, duplicates: 0 };

async function tell(plan: StoryPlan): Promise<Told> {
  const told = await new Stage(plan).tell(plan);
  sums.stories += 1;
  sums.requests += told.asked.length;
  sums.handled += told.asked.reduce((sum, { handled }) => sum + handled, 0);
  sums.duplicates += duplicates(told).length;
  return told;
}

test(
  "whatever happens to page, browser, network and server, no promise is broken",
  () =>
    fc.assert(
      fc.asyncProperty(story, async (plan) => {
        const told = await tell(plan);
        expect([...told.broken]).toEqual([]);
        expect(duplicates(told)).toEqual([]);
        expect(isInOrderOfKeys(told)).toBe(true);
      }),
      SETTINGS,
    ),
  TIMEOUT_MS,
);

afterAll(() => {
  if (RUNS > 0) console.log(`fuzzed: ${JSON.stringify(sums)}`);
});

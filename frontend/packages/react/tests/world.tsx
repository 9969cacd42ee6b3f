import { readFileSync } from "node:fs";
import { createGreenroom, type InitState } from "@greenroom/client";
import { createFakeTime, createFakeWorld, settle } from "@greenroom/client/testing";
import { act, cleanup, render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import axe from "axe-core";
import { type ReactNode, StrictMode } from "react";
import { expect, onTestFinished, vi } from "vitest";
import { GreenroomProvider, type GreenroomProviderProps } from "../src/index.ts";

// Not import.meta.url: under jsdom it is no file address. Vitest runs each project in its own folder's root.
const FOLDER = `${process.cwd()}/backend/greenroom/protocol/examples/`;

export function example(name: string): unknown {
  return JSON.parse(readFileSync(`${FOLDER}${name}.json`, "utf8"));
}

export function snapshot(name: string, changes: Partial<InitState> = {}): InitState {
  return { ...(example(`snapshot-${name}`) as InitState), ...changes };
}

export const HELLO = example("hello");
/** Longer than the card waits before it shows itself. */
export const A_MOMENT_MS = 500;
const STEP_MS = 100;

/**
 * A page over a scripted server: the socket speaks when the test says so, and the client's clock stands still until
 * `advance`. Rendered twice over, as StrictMode does, so that every test is one of that as well.
 */
export function stage(children: ReactNode, provider: Partial<GreenroomProviderProps> = {}) {
  const world = createFakeWorld();
  const greenroom = createGreenroom({ url: "http://here", seams: world.seams, queue: { spreadMs: 0 } });
  const tree = (inside: ReactNode) => (
    <StrictMode>
      <GreenroomProvider greenroom={greenroom} {...provider}>
        {inside}
      </GreenroomProvider>
    </StrictMode>
  );
  const page = render(tree(children));
  const say = (...messages: unknown[]) =>
    act(async () => {
      for (const message of messages) world.socket().say(message);
      await settle();
    });
  return {
    world,
    greenroom,
    page,
    say,
    show: (inside: ReactNode) => page.rerender(tree(inside)),
    advance: (milliseconds: number) => act(() => world.time.advance(milliseconds)),
    drop: (code: number) => act(async () => world.socket().drop(code)),
  };
}

/** The page's own clock stands still as well, and goes on together with the client's. */
export function stillStage(children: ReactNode, provider: Partial<GreenroomProviderProps> = {}) {
  vi.useFakeTimers({ now: createFakeTime().now(), toFake: ["setTimeout", "clearTimeout", "Date"] });
  // Testing Library lets waiting time pass only for the one runner that it knows by name.
  vi.stubGlobal("jest", { advanceTimersByTime: vi.advanceTimersByTime });
  const { say: tell, ...base } = stage(children, provider);
  onTestFinished(async () => {
    cleanup();
    await base.world.time.advance(0);
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  /** In steps, so that what one timer sets off can set the next one. */
  async function advance(milliseconds: number) {
    for (let left = milliseconds; left >= 0; left -= STEP_MS) {
      await act(async () => {
        const step = Math.min(left, STEP_MS);
        await base.world.time.advance(step);
        vi.advanceTimersByTime(step);
      });
    }
  }
  return {
    ...base,
    advance,
    tell,
    user: userEvent.setup({ advanceTimers: vi.advanceTimersByTime }),
    /** The server speaks, and long enough goes by for the card to be there. */
    async say(...messages: unknown[]) {
      await tell(...messages);
      await advance(A_MOMENT_MS);
    },
  };
}

export function card(): HTMLElement | null {
  return document.querySelector<HTMLElement>("[data-greenroom-overlay]");
}

export async function expectAccessible(container: Element) {
  vi.useRealTimers();
  const results = await axe.run(container, { rules: { "color-contrast": { enabled: false } } });
  expect(results.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
}

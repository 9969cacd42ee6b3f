import { readFileSync } from "node:fs";
import { createGreenroom, type InitState } from "@greenroom/client";
import { createFakeWorld, settle } from "@greenroom/client/testing";
import { act, render } from "@testing-library/react";
import axe from "axe-core";
import type { ReactNode } from "react";
import { expect } from "vitest";
import { GreenroomProvider } from "../src/index.ts";

// Not import.meta.url: under jsdom it is no file address. Vitest runs each project in its own folder's root.
const FOLDER = `${process.cwd()}/backend/greenroom/protocol/examples/`;

export function example(name: string): unknown {
  return JSON.parse(readFileSync(`${FOLDER}${name}.json`, "utf8"));
}

export function snapshot(name: string, changes: Partial<InitState> = {}): InitState {
  return { ...(example(`snapshot-${name}`) as InitState), ...changes };
}

/** A page over a scripted server: the socket speaks when the test says so, and time stands still. */
export function stage(children: ReactNode) {
  const world = createFakeWorld();
  const greenroom = createGreenroom({ url: "http://here", seams: world.seams, queue: { spreadMs: 0 } });
  const page = render(<GreenroomProvider greenroom={greenroom}>{children}</GreenroomProvider>);
  const say = (...messages: unknown[]) =>
    act(async () => {
      for (const message of messages) world.socket().say(message);
      await settle();
    });
  const advance = (milliseconds: number) => act(() => world.time.advance(milliseconds));
  return { world, greenroom, page, say, advance };
}

export function card(): HTMLElement | null {
  return document.querySelector<HTMLElement>("[data-greenroom-overlay]");
}

export async function expectAccessible(container: Element) {
  const results = await axe.run(container, { rules: { "color-contrast": { enabled: false } } });
  expect(results.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
}

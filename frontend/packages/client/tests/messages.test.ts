import { describe, expect, test } from "vitest";
import { asSnapshot, parseMessage } from "../src/index.ts";
import { accept, INITIAL_READINESS, view } from "../src/readiness.ts";
import { example, exampleNames } from "./examples.ts";

const FRAMES = exampleNames().filter(
  (name) => !/^(problem|health|status|probe|predict|models|embed)/.test(name),
);
const LINK = { state: "live", code: 0, reason: "" } as const;

describe("the golden examples", () => {
  test("there are frames to read", () => expect(FRAMES.length).toBeGreaterThan(8));

  test.each(FRAMES.filter((name) => (example(name) as { type?: string }).type !== undefined))(
    "%s is understood as a frame",
    (name) => expect(parseMessage(JSON.stringify(example(name)))).toEqual(example(name)),
  );

  test.each(FRAMES.filter((name) => name.startsWith("snapshot-")))(
    "%s shows 100 if and only if ready",
    (name) => {
      const snapshot = asSnapshot(example(name))!;
      const shown = view(accept(INITIAL_READINESS, snapshot, 0), LINK, 0);
      expect(shown.progress === 100).toBe(shown.ready);
      expect(shown.phase).toBe(snapshot.phase);
    },
  );

  test("the answer of /status carries a snapshot", () => {
    expect(asSnapshot((example("status") as { snapshot: unknown }).snapshot)?.phase).toBe("loading");
  });
});

test.each([["not json"], ["[]"], ['{"type":"news"}'], ['{"type":"initialization"}'], ["null"]])(
  "%s is ignored, not trusted",
  (data) => expect(parseMessage(data)).toBeNull(),
);

test("a binary frame is ignored", () => expect(parseMessage(new ArrayBuffer(4))).toBeNull());

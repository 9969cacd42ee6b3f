import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const CLIENT = "frontend/packages/client";

/** Code in our documents is a file that is run; the line above it says which: `<!-- file: path -->`. */
const BLOCK = /(?:<!-- file: (?<path>\S+) -->\n)?```(?<language>\w*)\n(?<text>[\s\S]*?)```/g;

function blocks(document: string) {
  return [...readFileSync(ROOT + document, "utf8").matchAll(BLOCK)].map(({ groups }) => ({
    path: groups?.path,
    text: groups?.text,
  }));
}

function files(document: string): string[] {
  return blocks(document).flatMap(({ path }) => path ?? []);
}

describe.each(["docs/testing.md", `${CLIENT}/README.md`])("%s", (document) => {
  test.each(blocks(document).filter(({ path }) => path !== undefined))(
    "shows $path as it is",
    ({ path, text }) => {
      expect(text).toBe(readFileSync(ROOT + path, "utf8"));
    },
  );
});

test("docs/testing.md has no code that is not run", () => {
  expect(blocks("docs/testing.md").filter(({ path }) => path === undefined)).toEqual([]);
});

test("the README shows every recipe, and none is longer than 25 lines", () => {
  const recipes = readdirSync(`${ROOT}${CLIENT}/recipes`).map((name) => `${CLIENT}/recipes/${name}`);
  expect(files(`${CLIENT}/README.md`)).toEqual(expect.arrayContaining(recipes));
  for (const path of recipes)
    expect(
      readFileSync(ROOT + path, "utf8")
        .trim()
        .split("\n").length,
    ).toBeLessThanOrEqual(25);
});

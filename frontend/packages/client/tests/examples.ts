import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { InitState } from "../src/index.ts";

/** The golden examples live once, beside the Python models, and are read by both sides. */
const FOLDER = fileURLToPath(new URL("../../../../backend/greenroom/protocol/examples/", import.meta.url));

export function exampleNames(): string[] {
  return readdirSync(FOLDER).map((file) => file.replace(/\.json$/, ""));
}

export function example(name: string): unknown {
  return JSON.parse(readFileSync(`${FOLDER}${name}.json`, "utf8"));
}

export function snapshot(name: string, changes: Partial<InitState> = {}): InitState {
  return { ...(example(`snapshot-${name}`) as InitState), ...changes };
}

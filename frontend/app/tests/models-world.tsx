import {
  createGreenroom,
  type InitState,
  type ModelReport,
  type ModelState,
  type ModelsStatus,
} from "@greenroom/client";
import { createFakeWorld, settle } from "@greenroom/client/testing";
import { act, render, screen, within } from "@testing-library/react";
import { StrictMode } from "react";
import { expect, vi } from "vitest";
import { HELLO, snapshot } from "../../packages/react/tests/world";
import { Models } from "../src/models/Models";

const READY = snapshot("ready");
const READY_STATE = READY.models[0] as ModelState;

export function stateOf(name: string, changes: Partial<ModelState> = {}): ModelState {
  return { ...READY_STATE, name, target: null, previous: null, ...changes };
}

export function reportOf(changes: Partial<ModelReport> = {}): ModelReport {
  return {
    state: stateOf("minilm"),
    source: "package:greenroom/minilm",
    runtime: "sentence-transformers",
    stage: null,
    source_look: null,
    digest: null,
    space: "b3f1c2",
    loaded_at: "2026-01-01T10:00:00.000Z",
    resident: true,
    pinned: false,
    gate: null,
    refused_versions: [],
    busy_calls: 0,
    idle_seconds: null,
    device: "cpu",
    dtype: "float32",
    dimension: 384,
    max_tokens: 256,
    classes: [],
    columns: {},
    memory_bytes: 412_000_000,
    pid: 4711,
    loads: 1,
    load_history: [],
    files: [],
    ...changes,
  };
}

export function statusOf(...models: ModelReport[]): ModelsStatus {
  return { epoch: READY.epoch, models, max_resident: 5, updated_every_seconds: 60 };
}

export function snapshotOf(seq: number, ...models: ModelState[]): InitState {
  return { ...READY, seq, models, scope: models.map(({ name }) => name) };
}

export interface Call {
  method: string;
  /** With the query. */
  path: string;
  token: string | null;
}

/**
 * The Models page over a scripted server: `answers` gives what stands at an address, and may be changed on the way;
 * the socket speaks when the test says so.
 */
export async function openModels(first: ModelReport | ModelsStatus) {
  const world = createFakeWorld();
  const calls: Call[] = [];
  const server = {
    status: "models" in first ? first : statusOf(first),
    answer: (_: Call): Response | Promise<Response> => Response.json({}),
  };
  vi.stubGlobal("fetch", async (input: string, init: RequestInit = {}) => {
    const { pathname, search } = new URL(input);
    const token = new Headers(init.headers).get("Authorization");
    const call = { method: init.method ?? "GET", path: pathname + search, token };
    calls.push(call);
    return call.path === "/models/status" ? Response.json(server.status) : server.answer(call);
  });
  const followed: (readonly string[])[] = [];
  const follow = (models: readonly string[]) => {
    followed.push(models);
    return createGreenroom({ url: "http://here", models, seams: world.seams });
  };
  const page = render(
    <StrictMode>
      <Models follow={follow} />
    </StrictMode>,
  );
  await screen.findByRole("heading", { level: 1 });
  if (server.status.models.length > 0) await screen.findAllByRole("article");
  const say = (...messages: unknown[]) =>
    act(async () => {
      world.socket().say(HELLO);
      for (const message of messages) world.socket().say(message);
      await settle();
    });
  return { page, world, calls, server, followed, say };
}

export function card(name = "minilm") {
  return within(screen.getByRole("article", { name }));
}

/** The value of a row of facts; `undefined` when there is no such row. */
export function fact(name: string): string | undefined {
  const term = screen.queryAllByRole("term").find(({ textContent }) => textContent === name);
  return term?.nextElementSibling?.textContent ?? undefined;
}

export function problem(status: number, detail: string): Response {
  return Response.json({ type: "/problems/x", title: "x", status, detail }, { status });
}

export async function expectSaid(text: string | RegExp) {
  expect(await screen.findByText(text)).toBeTruthy();
}

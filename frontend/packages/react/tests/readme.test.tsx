import { readFileSync } from "node:fs";
import { act, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";
import { Page } from "./recipe.tsx";
import { card, snapshot } from "./world.tsx";

const FOLDER = `${process.cwd()}/frontend/packages/react/`;

afterEach(() => vi.unstubAllGlobals());

/** The browser's own socket and fetch, for a page that brings none of its own. */
function browser() {
  const sockets: { onmessage: ((event: { data: string }) => void) | null }[] = [];
  class Socket {
    onmessage = null;
    close() {}
    constructor() {
      sockets.push(this);
    }
  }
  vi.stubGlobal("WebSocket", Socket);
  const server = { isReady: false, answered: 0 };
  vi.stubGlobal("fetch", async (url: string) => {
    // Whoever copies the page has no other routes than the server's own.
    if (!url.endsWith("/v1/embeddings")) return new Response(null, { status: 404 });
    if (!server.isReady) return Response.json(snapshot("loading"), { status: 425 });
    server.answered += 1;
    return Response.json({ data: [{ embedding: [0.6, 0.8] }] });
  });
  const say = (message: unknown) =>
    act(async () => sockets.at(-1)?.onmessage?.({ data: JSON.stringify(message) }));
  return { server, say };
}

test("the README's page is the one that is tested here", () => {
  const [, code] = readFileSync(`${FOLDER}README.md`, "utf8").split(/```(?:tsx\n)?/);
  expect(code).toBe(readFileSync(`${FOLDER}tests/recipe.tsx`, "utf8"));
});

test("the README's page shows progress, keeps an early press, and sends it once when ready", async () => {
  const { server, say } = browser();
  render(<Page />);
  await say(snapshot("loading", { estimated_seconds: 30 }));
  expect(screen.getByRole("button").textContent).toMatch(/^Ask Goes out when the model is ready, in about/);
  await userEvent.click(screen.getByRole("button"));
  expect(await screen.findByRole("list", { name: "Waiting requests" })).toBeTruthy();
  expect(card()?.dataset).toMatchObject({ state: "loading", progress: "65" });
  server.isReady = true;
  await say(snapshot("ready"));
  await vi.waitFor(() => expect(server.answered).toBe(1));
  expect(await screen.findByText("2 numbers")).toBeTruthy();
  expect(screen.getByRole("button", { name: "Ask" })).toBeTruthy();
});

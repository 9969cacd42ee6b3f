import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { ControlError, control, type LocatorLike, overlay } from "../src/playwright.ts";
import { snapshot } from "./examples.ts";

interface Order {
  path: string;
  body: unknown;
}

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A server on a real port that takes orders; `answers` are its `/status`, the last one for ever. */
async function scripted(answers = [snapshot("loading")], status = 200) {
  const orders: Order[] = [];
  const server = createServer(async (request, response) => {
    const text = (await request.toArray()).join("");
    if (request.method === "POST") orders.push({ path: request.url ?? "", body: JSON.parse(text) });
    const now = answers.length > 1 ? answers.shift() : answers[0];
    response.writeHead(status).end(JSON.stringify(request.method === "POST" ? {} : { snapshot: now }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => void server.close().closeAllConnections());
  return { orders, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe("control", () => {
  test("has a verb for each order of the scripted engine", async () => {
    const { orders, url } = await scripted();
    const server = control(url);
    await server.freeze(60, "minilm");
    await server.stages(["import", "weights"]);
    await server.step("weights", 0.5);
    await server.proceed();
    await server.auto(2);
    await server.crash();
    await server.holdCalls();
    await server.releaseCalls();
    await server.poison(["x"]);
    await server.advance(45);
    expect(orders.map(({ path }) => path.replace("/__test__/", ""))).toEqual([
      "freeze",
      "stages",
      "step",
      "proceed",
      "auto",
      "crash",
      "hold",
      "release",
      "poison",
      "clock/advance",
    ]);
    expect(orders[0]?.body).toEqual({ percent: 60, model: "minilm" });
    expect(orders[3]?.body).toEqual({ seconds: 1 });
  });

  test("waits until the server shows it", async () => {
    const { url } = await scripted([snapshot("loading"), snapshot("loading"), snapshot("ready")]);
    await control(url).becomeReady();
    expect((await control(url).snapshot()).ready).toBe(true);
  });

  test("a refused order says what the server said", async () => {
    const { url } = await scripted([snapshot("loading")], 422);
    await expect(control(url).freeze(101)).rejects.toThrow(ControlError);
    await expect(control(url).freeze(101)).rejects.toThrow(/freeze: 422/);
  });
});

test("an overlay that shows something else is told by what it shows", async () => {
  const card = {
    locator: () => card,
    getByRole: () => card,
    count: async () => 1,
    getAttribute: async () => "loading",
    waitFor: () => Promise.reject(new Error("Timeout")),
  } as LocatorLike<never> & object;
  const shown = overlay({ locator: () => card as never });
  await expect(shown.expectState("failed")).rejects.toThrow(
    'data-state should be "failed", and is "loading"',
  );
});

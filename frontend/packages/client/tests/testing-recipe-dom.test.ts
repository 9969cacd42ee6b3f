// @vitest-environment jsdom
import { createFakeServer } from "@greenroom/client/testing";
import { expect, test } from "vitest";
import { showReadiness } from "../recipes/no-framework.ts";

test("no framework: a bar and a line follow the model until they are let go", async () => {
  const server = createFakeServer();
  const bar = document.createElement("progress");
  const line = document.createElement("p");
  const letGo = showReadiness(bar, line, server.address);
  server.load(65, { estimatedSeconds: 40 });
  await server.time.advance(0);
  expect([bar.value, bar.hidden, line.textContent]).toEqual([
    65,
    false,
    "AI models are still loading, 40 s left",
  ]);
  server.ready();
  await server.time.advance(0);
  expect([bar.hidden, line.textContent]).toEqual([true, "All systems ready"]);
  letGo();
  expect(server.time.pending()).toBe(0);
});

import { createGreenroom } from "@greenroom/client";
import { createFakeServer } from "@greenroom/client/testing";
import { expect, test } from "vitest";

function open() {
  const server = createFakeServer();
  const greenroom = createGreenroom(server.address);
  greenroom.start();
  return { server, greenroom };
}

test("the page says how far it is", async () => {
  const { server, greenroom } = open();
  server.load(65, { estimatedSeconds: 40 });
  await server.time.advance(0);
  expect(greenroom.store.getView()).toMatchObject({ progress: 65, phase: "loading" });
});

test("what is asked for while it loads is answered when it is ready, once", async () => {
  const { server, greenroom } = open();
  const answer = greenroom.fetch("/predict", { method: "POST", body: "{}" });
  await server.time.advance(30_000);
  server.ready();
  await server.time.advance(100);
  expect((await answer).status).toBe(200);
  expect(server.handled).toHaveLength(1);
});

test("behind a proxy without sockets it polls, and a restarted server is explained", async () => {
  const { server, greenroom } = open();
  server.network.blockSockets();
  server.load(40);
  await server.time.advance(4_000);
  expect(greenroom.store.getView()).toMatchObject({ progress: 40, link: { state: "polling" } });
  server.restart();
  await server.time.advance(8_000);
  expect(greenroom.store.getView()).toMatchObject({ progress: 0, explanation: "server_restarted" });
});

import { createGreenroom } from "@greenroom/client";
import { createFakeServer, settle } from "@greenroom/client/testing";
import { expect, test } from "vitest";
import { embedText } from "../recipes/plain-fetch.ts";
import { createQueryClient, embeddingOf } from "../recipes/tanstack-query.ts";

test("plain fetch: one question waits for the model, and leaves nothing behind", async () => {
  const server = createFakeServer();
  server.handle("POST /v1/embeddings", () => ({ data: [{ embedding: [1, 2] }] }));
  const answer = embedText("Replace the lamps", server.address);
  await server.time.advance(20_000);
  server.ready();
  await server.time.advance(100);
  expect(await answer).toEqual({ data: [{ embedding: [1, 2] }] });
  expect(server.time.pending()).toBe(0);
});

test("plain fetch: a model that never comes is said in so many words", async () => {
  const server = createFakeServer();
  const answer = embedText("Replace the lamps", server.address);
  await server.time.advance(121_000);
  expect(await answer).toEqual({ gaveUp: "expired" });
  expect(server.handled).toHaveLength(0);
});

/** A page whose queries go through the queue. */
function queries(queue = {}) {
  const server = createFakeServer();
  server.handle("POST /v1/embeddings", () => ({ data: [{ embedding: [1, 2] }] }));
  const greenroom = createGreenroom({ ...server.address, queue });
  greenroom.start();
  const client = createQueryClient();
  return { server, greenroom, client };
}

test("TanStack Query: a query waits in the queue and runs once", async () => {
  const { server, greenroom, client } = queries();
  const answer = client.fetchQuery(embeddingOf(greenroom, "lamps"));
  await server.time.advance(60_000);
  expect(client.getQueryState(["embedding", "lamps"])).toMatchObject({
    status: "pending",
    fetchStatus: "fetching",
  });
  server.ready();
  await server.time.advance(100);
  expect(await answer).toEqual([1, 2]);
  expect(server.handled).toHaveLength(1);
  client.clear();
});

test("TanStack Query: what the queue gave up is not tried again", async () => {
  const { server, greenroom, client } = queries({ maxAgeMs: 1_000 });
  const answer = expect(client.fetchQuery(embeddingOf(greenroom, "lamps"))).rejects.toMatchObject({
    code: "expired",
  });
  await server.time.advance(1_100);
  await answer;
  expect(server.arrived).toBe(1);
  client.clear();
});

test("TanStack Query: a cancelled query leaves the queue", async () => {
  const { server, greenroom, client } = queries();
  const options = embeddingOf(greenroom, "lamps");
  client.fetchQuery(options).catch(() => {});
  await server.time.advance(1_000);
  expect(greenroom.queue.list()).toHaveLength(1);
  await client.cancelQueries({ queryKey: options.queryKey });
  await settle();
  expect(greenroom.queue.list()).toHaveLength(0);
  client.clear();
});

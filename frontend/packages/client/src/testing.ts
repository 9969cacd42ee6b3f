/**
 * What tests of a page need: a server that says what a test tells it to, a network that loses what it is told to
 * lose, and a clock that stands still. Nothing here sleeps, listens on a port or needs a framework.
 */
export { createFakeBrowser, type FakeBrowser, type FakeTab } from "./tabs-testing.ts";
export type { FakeCall } from "./testing-calls.ts";
export type { FakeHandler, HandledCall, Route } from "./testing-handlers.ts";
export type { FakeNetwork, ServerLine, SocketBlock } from "./testing-network.ts";
export { createFakePage, type FakePage } from "./testing-page.ts";
export {
  type BadFrame,
  createFakeServer,
  type FailDetails,
  type FakeServer,
  type FakeServerAddress,
  type FakeServerOptions,
  type LoadDetails,
} from "./testing-server.ts";
export { createFakeTime, type FakeTime, settle } from "./testing-time.ts";
export { createFakeWorld, type FakeSocket, type FakeWorld } from "./testing-world.ts";

import { createLink, type InitState, type LinkStatus } from "../src/index.ts";
import { createFakeWorld, type FakeWorld } from "../src/testing.ts";
import { example, snapshot } from "./examples.ts";

export const STATUS = { server: "greenroom/0", uptime_seconds: 1, snapshot: snapshot("loading") };

export function linked(world: FakeWorld = createFakeWorld()) {
  const snapshots: InitState[] = [];
  const statuses: LinkStatus[] = [];
  const link = createLink({
    socketUrl: "ws://here/ws/init/t",
    statusUrl: "http://here/status",
    seams: world.seams,
    onSnapshot: (next) => snapshots.push(next),
    onStatus: (status) => statuses.push(status),
  });
  return {
    world,
    link,
    snapshots,
    states: () => statuses.map(({ state }) => state),
    state: () => link.status().state,
  };
}

export function live(name = "loading", world = createFakeWorld()) {
  const all = linked(world);
  all.link.start();
  all.world.socket().say(example("hello"));
  all.world.socket().say(snapshot(name));
  return all;
}

export const polls = (world: FakeWorld) => world.calls.filter(({ url }) => url.endsWith("/status")).length;

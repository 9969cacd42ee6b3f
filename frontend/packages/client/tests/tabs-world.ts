import type { InitState, Link, LinkStatus, OpenSocket, ServerMessage } from "../src/index.ts";
import { sharedLink } from "../src/tabs.ts";
import { createFakeBrowser, type FakeBrowser, type FakeTab } from "../src/tabs-testing.ts";
import { createFakeServer, type FakePage, type FakeServer } from "../src/testing.ts";

export interface Tab extends FakeTab {
  /** Its client id: whose socket it is, on the server. */
  name: string;
  link: Link;
  page: FakePage;
  snapshots: InitState[];
  statuses: LinkStatus[];
  messages: ServerMessage[];
  /** What a person sees in it. */
  state(): string;
  progress(): number | undefined;
}

export interface TabsWorld {
  server: FakeServer;
  browser: FakeBrowser;
  /** Sockets that are open, counted by the server: the label of each tab that owns one. */
  sockets(): string[];
  /** Which tabs ever tried to open a socket, in order, once for each time. */
  attempts: string[];
  /** Opens a tab and starts its link, which carries `label` as its client id. */
  open(label: string, query?: string): Tab;
}

export function createTabsWorld(seed = 1, models = ["minilm"]): TabsWorld {
  const random = createRandom(seed);
  const server = createFakeServer({ random, models });
  const browser = createFakeBrowser();
  const attempts: string[] = [];
  return {
    attempts,
    server,
    browser,
    sockets: () => server.network.lines.map(({ url }) => new URL(url).pathname.split("/").at(-1) ?? ""),
    open(label, query = "") {
      const { page, address } = server.openPage();
      const openSocket: OpenSocket = (...socket) => {
        attempts.push(label);
        return address.seams.openSocket(...socket);
      };
      const fake = browser.openTab({ ...address.seams, openSocket });
      const tab = openTab(fake, page, label, query);
      tab.link.start();
      return tab;
    },
  };
}

function openTab(fake: FakeTab, page: FakePage, name: string, query: string): Tab {
  const snapshots: InitState[] = [];
  const statuses: LinkStatus[] = [];
  const messages: ServerMessage[] = [];
  const link = sharedLink(fake.shared)({
    socketUrl: `ws://greenroom.test/ws/init/${name}${query}`,
    statusUrl: "http://greenroom.test/status",
    seams: fake.seams,
    onSnapshot: (snapshot) => snapshots.push(snapshot),
    onStatus: (status) => statuses.push(status),
    onMessage: (message) => messages.push(message),
  });
  return {
    ...fake,
    name,
    link,
    page,
    snapshots,
    statuses,
    messages,
    state: () => link.status().state,
    progress: () => snapshots.at(-1)?.progress,
  };
}

/** Mulberry32: tabs that draw the same numbers would rob at the same moment, which no two real ones do. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// Draws the link's states from their table, so that the picture in the docs cannot lie.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const source = join(root, "frontend", "packages", "client", "src", "link-table.ts");
const target = join(root, "docs", "link-states.md");

const INTRODUCTION = `<!-- Generated from frontend/packages/client/src/link-table.ts. Do not edit: run \`npm run generate\`. -->

# The link's states

The client holds one line to the server. The socket carries everything; when it says nothing in two seconds, or is lost,
\`GET /status\` is polled beside the attempts to get it back. \`store.getView().link\` is \`{ state, code, reason }\`: where
the line stands, the close code that brought it there (0 where no server said one), and why: the server's words, or else
the event.
`;

const EVENTS = {
  start: "the page starts the link",
  frame: "the socket said something",
  lost: "the socket closed with a code that means: come back; or the server announced that it drains (1012)",
  silent: "the socket was silent for longer than the protocol allows, by the wall clock",
  poll_ok: "a poll brought a snapshot",
  poll_failed: "a poll failed",
  network_gone: "a poll failed, and the browser says that it is offline",
  refused:
    "the server will not have this client: a close code 4400, 4401 or 4413, or a model that it does not know (4404)",
  finished: "the server closed with 1000",
  stop: "the page stops the link",
};

/** One arrow for all events that lead the same way; what changes nothing is no arrow. */
function arrows(table) {
  return Object.entries(table).flatMap(([from, row]) => {
    const eventsByTarget = {};
    for (const [event, to] of Object.entries(row)) {
      if (to === from) continue;
      eventsByTarget[to] = [...(eventsByTarget[to] ?? []), event];
    }
    return Object.entries(eventsByTarget).map(([to, events]) => `  ${from} --> ${to}: ${events.join(", ")}`);
  });
}

function generated(table) {
  const unexplained = Object.values(table).flatMap((row) =>
    Object.keys(row).filter((event) => !(event in EVENTS)),
  );
  if (unexplained.length > 0)
    throw new Error(`Say in generate-link-states.mjs what these are: ${unexplained}`);
  return [
    INTRODUCTION,
    "```mermaid",
    "stateDiagram-v2",
    "  [*] --> idle",
    ...arrows(table),
    "```",
    "",
    "| event | when |",
    "|---|---|",
    ...Object.entries(EVENTS).map(([event, meaning]) => `| \`${event}\` | ${meaning} |`),
    "",
    "An event that a state does not list raises, names both, and changes nothing.",
    "",
  ].join("\n");
}

function current() {
  try {
    return readFileSync(target, "utf8");
  } catch {
    return null;
  }
}

const { module } = await runnerImport(source, { configFile: false, logLevel: "error" });
const text = generated(module.LINK_TABLE);
const where = relative(root, target);
if (!process.argv.includes("--check")) {
  writeFileSync(target, text);
  console.log(`wrote ${where}`);
} else if (current() !== text) {
  console.error(`${where} is not what link-table.ts says. Mend it with: npm run generate`);
  process.exit(1);
}

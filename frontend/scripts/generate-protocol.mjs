// Writes the client's wire types from the one JSON Schema, so that no close code or phase is spelled twice.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { compile } from "json-schema-to-typescript";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const source = join(root, "docs", "schema", "protocol.json");
const target = join(root, "frontend", "packages", "client", "src", "protocol.gen.ts");

const BANNER = `// Generated from docs/schema/protocol.json. Do not edit: run \`npm run generate\`.
`;

/** pydantic titles every property; as they stand they would become one named type each. */
function withoutInnerTitles(node) {
  if (Array.isArray(node)) return node.map(withoutInnerTitles);
  if (node === null || typeof node !== "object") return node;
  const entries = Object.entries(node).filter(
    ([key, value]) => !(key === "title" && typeof value === "string"),
  );
  return Object.fromEntries(entries.map(([key, value]) => [key, withoutInnerTitles(value)]));
}

/** Closed types, without index signatures: what the client may use. Members it does not know it ignores at run time. */
function named(definitions) {
  return Object.fromEntries(
    Object.entries(definitions).map(([name, definition]) => {
      const { additionalProperties, ...rest } = withoutInnerTitles(definition);
      const closed = rest.type === "object" ? { ...rest, additionalProperties: false } : rest;
      return [name, { ...closed, title: name }];
    }),
  );
}

async function types(schema) {
  const definitions = named(schema.$defs);
  const properties = Object.fromEntries(
    Object.keys(definitions).map((name) => [name, { $ref: `#/$defs/${name}` }]),
  );
  const wire = {
    title: "Wire",
    description: "Every named shape on the wire.",
    type: "object",
    additionalProperties: false,
    required: Object.keys(properties),
    properties,
    $defs: definitions,
  };
  return compile(wire, "Wire", { bannerComment: "", additionalProperties: false });
}

function constants(values) {
  return Object.entries(values)
    .map(([name, value]) => {
      const spelled = name.replace(/([a-z])([A-Z])/g, "$1_$2").toUpperCase();
      return `export const ${spelled} = ${JSON.stringify(value, null, 2)} as const;`;
    })
    .join("\n\n");
}

async function generated() {
  const schema = JSON.parse(readFileSync(source, "utf8"));
  return `${BANNER}\n${await types(schema)}\n${constants(schema["x-constants"])}\n`;
}

function current() {
  try {
    return readFileSync(target, "utf8");
  } catch {
    return null;
  }
}

const text = await generated();
const where = relative(root, target);
if (!process.argv.includes("--check")) {
  writeFileSync(target, text);
  console.log(`wrote ${where}`);
} else if (current() !== text) {
  console.error(`${where} is not what docs/schema/protocol.json says. Mend it with: npm run generate`);
  process.exit(1);
}

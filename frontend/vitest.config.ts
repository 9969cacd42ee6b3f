import { fileURLToPath } from "node:url";
import { defaultClientConditions, defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";

/** The packages' sources instead of what was built from them. */
const SOURCE = "greenroom-source";
const sources = {
  resolve: { conditions: [SOURCE, ...defaultClientConditions] },
  ssr: { resolve: { conditions: [SOURCE, ...defaultServerConditions] } },
};

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** React 18 in the place of 19, for everything that imports either; of Testing Library the build that can be redirected. */
const react18 = [
  ...["react", "react-dom"].map((name) => ({
    find: new RegExp(`^${name}(?=$|/)`),
    replacement: here(`./react-18/node_modules/${name}`),
  })),
  {
    find: /^@testing-library\/react$/,
    replacement: here("../node_modules/@testing-library/react/dist/@testing-library/react.esm.js"),
  },
];

const components = {
  root: "frontend/packages/react",
  environment: "jsdom",
  include: ["tests/**/*.test.tsx"],
};

// Cores run in plain Node, so that a stray use of the DOM in them fails; components get jsdom.
export default defineConfig({
  test: {
    projects: [
      {
        ...sources,
        test: {
          name: "client",
          root: "frontend/packages/client",
          environment: "node",
          include: ["tests/**/*.test.ts"],
        },
      },
      { ...sources, test: { ...components, name: "react" } },
      {
        ...sources,
        resolve: { ...sources.resolve, alias: react18 },
        test: { ...components, name: "react-18", server: { deps: { inline: [/@testing-library/] } } },
      },
      {
        ...sources,
        test: { name: "app", root: "frontend/app", environment: "jsdom", include: ["tests/**/*.test.tsx"] },
      },
    ],
  },
});

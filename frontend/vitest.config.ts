import { defineConfig } from "vitest/config";

// Cores run in plain Node, so that a stray use of the DOM in them fails; components get jsdom.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "client",
          root: "frontend/packages/client",
          environment: "node",
          include: ["tests/**/*.test.ts"],
        },
      },
      {
        test: {
          name: "react",
          root: "frontend/packages/react",
          environment: "jsdom",
          include: ["tests/**/*.test.tsx"],
        },
      },
      { test: { name: "app", root: "frontend/app", environment: "jsdom", include: ["tests/**/*.test.tsx"] } },
    ],
  },
});

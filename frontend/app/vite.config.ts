import react from "@vitejs/plugin-react";
import { defaultClientConditions, defineConfig } from "vite";

// The development server hands every call to a Greenroom that runs beside it.
const SERVER = process.env.GREENROOM_URL ?? "http://127.0.0.1:8000";
const CALLS = ["/api", "/status", "/models", "/predict", "/jobs", "/health", "/v1"];

export default defineConfig(({ command }) => ({
  // Relative when built: the server makes the page's addresses absolute, under whatever base path it stands.
  base: command === "build" ? "./" : "/app/",
  plugins: [react()],
  // The packages' sources, so that nothing has to be built first.
  resolve: { conditions: ["greenroom-source", ...defaultClientConditions] },
  build: {
    outDir: "../../backend/workbench/static",
    emptyOutDir: true,
    // The pages' Content-Security-Policy allows no inline script and no data: URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // A page each: it says something true before any script runs, and carries only its own code.
    rolldownOptions: { input: ["index.html", "sentiment.html", "jobs.html", "models.html"] },
  },
  server: {
    proxy: {
      ...Object.fromEntries(CALLS.map((path) => [path, SERVER])),
      "/ws": { target: SERVER, ws: true },
    },
  },
}));

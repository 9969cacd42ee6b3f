import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defaultClientConditions, defineConfig } from "vite";

// Never shipped: what the accessibility test and the documentation's pictures look at. Built, it needs no server of ours.
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  plugins: [react()],
  resolve: { conditions: ["greenroom-source", ...defaultClientConditions] },
  build: { outDir: process.env.GALLERY_OUT ?? "dist", emptyOutDir: true, modulePreload: { polyfill: false } },
});

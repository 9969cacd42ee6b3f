import { type ReactNode, StrictMode } from "react";
import { createRoot } from "react-dom/client";

/** Puts a page in the place of the words that its document came with. */
export function mount(page: ReactNode): void {
  const root = document.getElementById("root");
  if (root === null) throw new Error("The document has lost its #root.");
  createRoot(root).render(<StrictMode>{page}</StrictMode>);
}

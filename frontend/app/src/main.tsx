import { GreenroomProvider } from "@greenroom/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has lost its #root.");
createRoot(root).render(
  <StrictMode>
    <GreenroomProvider>
      <App />
    </GreenroomProvider>
  </StrictMode>,
);

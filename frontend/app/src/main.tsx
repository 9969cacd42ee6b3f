import { createGreenroom } from "@greenroom/client";
import { sharedLink } from "@greenroom/client/tabs";
import { GreenroomProvider } from "@greenroom/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { serverBase } from "./base";
import { createKept } from "./kept";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has lost its #root.");
const kept = createKept();
const greenroom = createGreenroom({ url: serverBase(), shelf: kept.shelf, createLink: sharedLink() });
createRoot(root).render(
  <StrictMode>
    <GreenroomProvider greenroom={greenroom}>
      <App kept={kept} />
    </GreenroomProvider>
  </StrictMode>,
);

import { createGreenroom } from "@greenroom/client";
import { sharedLink } from "@greenroom/client/tabs";
import { GreenroomProvider } from "@greenroom/react";
import { App } from "./App";
import { serverBase } from "./base";
import { createKept } from "./kept";
import { mount } from "./mount";

const kept = createKept();
const greenroom = createGreenroom({ url: serverBase(), shelf: kept.shelf, createLink: sharedLink() });
mount(
  <GreenroomProvider greenroom={greenroom}>
    <App kept={kept} />
  </GreenroomProvider>,
);

import { createGreenroom } from "@greenroom/client";
import { sharedLink } from "@greenroom/client/tabs";
import { GreenroomProvider } from "@greenroom/react";
import { serverBase } from "../base";
import { mount } from "../mount";
import { Jobs } from "./Jobs";

const greenroom = createGreenroom({ url: serverBase(), createLink: sharedLink() });
mount(
  <GreenroomProvider greenroom={greenroom}>
    <Jobs />
  </GreenroomProvider>,
);

import { createGreenroom } from "@greenroom/client";
import { sharedLink } from "@greenroom/client/tabs";
import { GreenroomProvider } from "@greenroom/react";
import { serverBase } from "../base";
import { mount } from "../mount";
import { Sentiment } from "./Sentiment";
import { MODEL } from "./useReading";

const greenroom = createGreenroom({ url: serverBase(), models: [MODEL], createLink: sharedLink() });
mount(
  <GreenroomProvider greenroom={greenroom}>
    <Sentiment />
  </GreenroomProvider>,
);

import { createGreenroom } from "@greenroom/client";
import { sharedLink } from "@greenroom/client/tabs";
import { serverBase } from "../base";
import { mount } from "../mount";
import { Models } from "./Models";

mount(
  <Models follow={(models) => createGreenroom({ url: serverBase(), models, createLink: sharedLink() })} />,
);

import { createGreenroom } from "@greenroom/client";
import { createFakeWorld } from "@greenroom/client/testing";
import { act } from "@testing-library/react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, expect, test, vi } from "vitest";
import { GreenroomProvider, ModelLoadingOverlay, useWaitHint } from "../src/index.ts";

afterEach(() => vi.restoreAllMocks());

function Hint() {
  return <output>{useWaitHint()}</output>;
}

test("renders on a server, opens no line there, and hydrates without a word in the console", async () => {
  const world = createFakeWorld();
  const greenroom = createGreenroom({ url: "http://here", seams: world.seams });
  const tree = (
    <GreenroomProvider greenroom={greenroom}>
      <Hint />
      <ModelLoadingOverlay />
    </GreenroomProvider>
  );
  const complaints = vi.spyOn(console, "error");
  const root = document.createElement("div");
  root.innerHTML = renderToString(tree);
  expect(world.sockets).toHaveLength(0);
  expect(root.innerHTML).toContain("Goes out when the model is ready");
  const hydrated = await act(async () => hydrateRoot(root, tree));
  expect(complaints).not.toHaveBeenCalled();
  await act(async () => hydrated.unmount());
});

import { CLOSE_CODES } from "@greenroom/client";
import { expect, test } from "vitest";
import { ModelLoadingOverlay } from "../src/index.ts";
import { A_MOMENT_MS, card, HELLO, snapshot, stillStage } from "./world.tsx";

test("what is ready within 0.4 s never shows a card", async () => {
  const { tell, advance } = stillStage(<ModelLoadingOverlay />);
  await tell(HELLO, snapshot("loading"));
  await advance(399);
  expect(card()).toBeNull();
  await tell(snapshot("ready"));
  await advance(5_000);
  expect(card()).toBeNull();
});

test("after 0.4 s it is there", async () => {
  const { tell, advance } = stillStage(<ModelLoadingOverlay />);
  await tell(HELLO, snapshot("loading"));
  await advance(400);
  expect(card()?.dataset.state).toBe("loading");
});

test("who comes when everything is ready sees no card", async () => {
  const { say } = stillStage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("ready"));
  expect(card()).toBeNull();
});

test("ready stays for 2.5 s and then leaves", async () => {
  const { say, tell, advance } = stillStage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("loading"));
  await tell(snapshot("ready"));
  await advance(2_499);
  expect(card()?.dataset.state).toBe("ready");
  await advance(1);
  expect(card()).toBeNull();
});

test("a card that was shown for a blink only still says ready, long enough to be read", async () => {
  const { tell, advance } = stillStage(<ModelLoadingOverlay />);
  await advance(401);
  await tell(HELLO, snapshot("ready"));
  await advance(400);
  expect(card()?.dataset.state).toBe("ready");
});

test("a short gap in the line is kept from somebody who can work", async () => {
  const { say, drop, advance } = stillStage(<ModelLoadingOverlay />);
  await say(HELLO, snapshot("ready"));
  await drop(CLOSE_CODES.LOST);
  await advance(1_199);
  expect(card()).toBeNull();
  await advance(A_MOMENT_MS);
  expect(card()?.dataset.state).toBe("reconnecting");
});

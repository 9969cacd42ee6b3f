import { CLOSE_CODES } from "@greenroom/client";
import { expect, test } from "vitest";
import { ModelLoadingOverlay } from "../src/index.ts";
import { HELLO, snapshot, stillStage } from "./world.tsx";

/** Writes down what a screen reader hears: each change of the status, and each alert that comes. */
function transcript() {
  const heard: string[] = [];
  const read = () => {
    const status = document.querySelector('[role="status"]')?.textContent ?? "";
    const alert = document.querySelector('[role="alert"]')?.textContent ?? "";
    for (const line of [status && `status: ${status}`, alert && `alert: ${alert}`]) {
      if (line && !heard.includes(line)) heard.push(line);
    }
  };
  const observer = new MutationObserver(read);
  observer.observe(document.body, { subtree: true, childList: true, characterData: true });
  return heard;
}

test("over a whole load a screen reader hears the phases, each quarter once, and the end", async () => {
  const { say, tell, advance } = stillStage(<ModelLoadingOverlay />, { locale: "en" });
  const heard = transcript();
  await say(HELLO, snapshot("queued"));
  for (let progress = 5; progress <= 95; progress += 5) {
    await tell(snapshot("loading", { progress, seq: 20 + progress }));
    await advance(4_000);
  }
  await tell(snapshot("ready", { seq: 200 }));
  await advance(0);
  expect(heard).toEqual([
    "status: About to load",
    "status: Loading the model",
    "status: Loading the model, 25 percent",
    "status: Loading the model, 50 percent",
    "status: Loading the model, 75 percent",
    "status: Ready",
  ]);
});

test("however fast it loads, two sentences never come within ten seconds, except the urgent ones", async () => {
  const { say, tell, advance } = stillStage(<ModelLoadingOverlay />, { locale: "en" });
  const heard = transcript();
  await say(HELLO, snapshot("queued"));
  for (const progress of [10, 30, 60, 80]) {
    await tell(snapshot("loading", { progress, seq: 20 + progress }));
    await advance(1_000);
  }
  await tell(snapshot("ready", { seq: 200 }));
  await advance(0);
  expect(heard).toEqual(["status: About to load", "status: Ready"]);
});

test("what came too soon is said when the pause is over", async () => {
  const { say, tell, advance } = stillStage(<ModelLoadingOverlay />, { locale: "en" });
  const heard = transcript();
  await say(HELLO, snapshot("queued"));
  await tell(snapshot("loading", { phase: "finalizing", progress: 90, seq: 30 }));
  await advance(4_000);
  expect(heard).toEqual(["status: About to load"]);
  await tell(snapshot("loading", { phase: "finalizing", progress: 91, seq: 31 }));
  await advance(4_000);
  await tell(snapshot("loading", { phase: "finalizing", progress: 92, seq: 32 }));
  await advance(2_500);
  expect(heard.at(-1)).toBe("status: Almost ready, 92 percent");
});

test("a lost line is said at once", async () => {
  const { say, drop, advance } = stillStage(<ModelLoadingOverlay />, { locale: "en" });
  const heard = transcript();
  await say(HELLO, snapshot("loading"));
  await drop(CLOSE_CODES.LOST);
  await advance(0);
  expect(heard).toEqual(["status: Loading the model, 65 percent", "status: Connection lost"]);
});

test("a failure is an alert, and not said twice", async () => {
  const { say, tell, advance } = stillStage(<ModelLoadingOverlay />, { locale: "en" });
  const heard = transcript();
  await say(HELLO, snapshot("queued"));
  await tell(snapshot("failed"));
  await advance(0);
  expect(heard).toHaveLength(2);
  expect(heard[1]).toMatch(/^alert: The model could not be loaded.*damaged/);
});

test("nothing is said about a load that nobody sees", async () => {
  const { say } = stillStage(<ModelLoadingOverlay />);
  const heard = transcript();
  await say(HELLO, snapshot("ready"));
  expect(heard).toEqual([]);
});

import { CLOSE_CODES } from "@greenroom/client";
import { screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { GERMAN } from "../src/de.ts";
import { createFormat, pickLocale } from "../src/format.ts";
import { ENGLISH, ModelLoadingOverlay, useWaitHint } from "../src/index.ts";
import { card, HELLO, snapshot, stillStage } from "./world.tsx";

/** "title.loading", and so on. */
function keys(table: object, prefix = ""): string[] {
  return Object.entries(table).flatMap(([key, value]) =>
    typeof value === "object" ? keys(value, `${prefix}${key}.`) : [`${prefix}${key}`],
  );
}

const holes = (table: object) => JSON.stringify(table).match(/\{\w+\}/g);

test("German has every word that English has, with the same holes", () => {
  expect(keys(GERMAN)).toEqual(keys(ENGLISH));
  expect(holes(GERMAN)).toEqual(holes(ENGLISH));
});

test.each(["queued", "loading", "stalled", "restarting", "failed", "crash-loop"])(
  "German says %s without an English word of ours",
  async (name) => {
    const { say } = stillStage(<ModelLoadingOverlay />, { messages: GERMAN });
    await say(HELLO, snapshot(name));
    const text = card()?.textContent ?? "";
    const ours = [...Object.values(ENGLISH.title), ...Object.values(ENGLISH.detail)];
    expect(ours.filter((english) => text.includes(english) && !english.includes("{"))).toEqual([]);
    expect(card()?.getAttribute("aria-label")).toBe(GERMAN.label);
  },
);

test("German, in figures as well", async () => {
  const { say } = stillStage(<ModelLoadingOverlay />, { messages: GERMAN });
  await say(HELLO, snapshot("loading", { estimated_seconds: 90 }));
  expect(screen.getByText("noch etwa 1 Min. 30 Sek.")).toBeTruthy();
  expect(screen.getByRole("progressbar").getAttribute("aria-valuetext")).toBe(
    "65 Prozent, noch etwa 1 Minute 30 Sekunden",
  );
});

test("the server's own words are marked as English on a German card", async () => {
  const { say } = stillStage(<ModelLoadingOverlay />, { messages: GERMAN });
  await say(HELLO, snapshot("failed"));
  expect(screen.getByText(/SHA-256/).lang).toBe("en");
});

test("the reader's own region is used only if it speaks the language of the words", () => {
  expect(pickLocale("en", "en-GB")).toBe("en-GB");
  expect(pickLocale("de", "en-GB")).toBe("de");
  expect(pickLocale("en", "")).toBe("en");
});

test.each([
  [0, "0 byte"],
  [999, "999 byte"],
  [90_868_376, "90.9 MB"],
  [4_200_000_000, "4.2 GB"],
])("%d bytes are %s", (count, text) => expect(createFormat("en").bytes(count)).toBe(text));

test.each([
  [1, "1 sec"],
  [60, "1 min"],
  [403, "6 min 43 sec"],
  [601, "10 min"],
])("%d seconds are %s", (seconds, text) => expect(createFormat("en").duration(seconds)).toBe(text));

test("a button that needs the model says how long it will wait, and nothing once it is ready", async () => {
  const Hint = () => <output>{useWaitHint()}</output>;
  const { tell, drop } = stillStage(<Hint />, { locale: "en" });
  const hint = () => document.querySelector("output")?.textContent;
  expect(hint()).toBe("Goes out when the model is ready");
  await tell(HELLO, snapshot("loading", { estimated_seconds: 12 }));
  expect(hint()).toBe("Goes out when the model is ready, in about 12 sec");
  await tell(snapshot("failed", { seq: 50 }));
  expect(hint()).toBe("Goes out once the model could be loaded");
  await tell(snapshot("ready", { seq: 51 }));
  expect(hint()).toBe("");
  await drop(CLOSE_CODES.LOST);
  expect(hint()).toBe("Goes out when the server answers again");
});

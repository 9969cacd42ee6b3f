import assert from "node:assert/strict";
import { control, overlay } from "@greenroom/client/playwright";
import { chromium } from "playwright-core";

const url = process.env.GREENROOM_URL ?? "http://localhost:8000";
const { CHROMIUM: executablePath, CHROMIUM_FLAGS } = process.env;

const server = control(url);
const browser = await chromium.launch({
  args: CHROMIUM_FLAGS?.split(" ") ?? [],
  ...(executablePath && { executablePath }),
});
const page = await browser.newPage();
const shown = overlay(page);
try {
  await server.freeze(60);
  await page.goto(url);
  await shown.expectProgress(60);
  await shown.expectState("loading");
  assert.equal(await shown.progressbar.getAttribute("aria-valuenow"), "60");

  await server.fail({ message: "The disk is full." });
  await shown.expectState("failed");
  assert.match(await shown.alert.innerText(), /The disk is full\./);
  await shown.button("Try again").click();
  await shown.expectState("loading");

  await server.becomeReady();
  await shown.expectGone();
  console.log("told");
} finally {
  await browser.close();
}

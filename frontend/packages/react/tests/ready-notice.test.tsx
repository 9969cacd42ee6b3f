import { act, screen } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { extras } from "../src/extras.tsx";
import { ModelLoadingOverlay } from "../src/index.ts";
import { HELLO, snapshot, stillStage } from "./world.tsx";

const PERMISSIONS: NotificationPermission[] = ["granted", "denied"];

beforeEach(() => {
  document.title = "My page";
});

/** Notifications as the browser would have them; `null`: it has none. */
async function loading(permission: NotificationPermission | null) {
  const shown: string[] = [];
  const asked = vi.fn(async () => permission);
  class Notice {
    static permission = permission;
    static requestPermission = asked;
    constructor(title: string) {
      shown.push(title);
    }
  }
  const page = stillStage(<ModelLoadingOverlay>{extras}</ModelLoadingOverlay>);
  vi.stubGlobal("Notification", permission === null ? undefined : Notice);
  await page.say(HELLO, snapshot("loading"));
  return { ...page, shown, asked };
}

function hide(isHidden: boolean) {
  Object.defineProperty(document, "hidden", { configurable: true, value: isHidden });
  act(() => void document.dispatchEvent(new Event("visibilitychange")));
}

test.each([...PERMISSIONS, null])(
  "the title tells when it is ready, with notifications %s",
  async (permission) => {
    const { user, tell, shown } = await loading(permission);
    await user.click(screen.getByRole("button", { name: "Tell me when ready" }));
    expect(screen.getByText("You will be told.")).toBeTruthy();
    hide(true);
    await tell(snapshot("ready"));
    expect(document.title).toBe("✓ Ready – My page");
    expect(shown).toEqual(permission === "granted" ? ["My page"] : []);
    hide(false);
    expect(document.title).toBe("My page");
  },
);

test("nobody is asked about notifications before the click", async () => {
  const { user, asked } = await loading("granted");
  expect(asked).not.toHaveBeenCalled();
  await user.click(screen.getByRole("button", { name: "Tell me when ready" }));
  expect(asked).toHaveBeenCalledOnce();
});

test("who looks at the page, or did not ask, is not told", async () => {
  const { user, tell } = await loading("granted");
  await tell(snapshot("ready"));
  expect(document.title).toBe("My page");
  await tell(snapshot("restarting", { seq: 90 }));
  await user.click(screen.getByRole("button", { name: "Tell me when ready" }));
  await tell(snapshot("ready", { seq: 99, round: 2 }));
  expect(document.title).toBe("My page");
});

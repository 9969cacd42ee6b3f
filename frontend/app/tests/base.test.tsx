import { afterEach, expect, test } from "vitest";
import { serverBase, serverUrl } from "../src/base";

afterEach(() => {
  document.head.innerHTML = "";
  history.replaceState(null, "", "/");
});

/** The page at `path`, as handed out by a server whose app stands at `app`. */
function open(path: string, app: string) {
  history.replaceState(null, "", path);
  document.head.innerHTML = `<meta name="greenroom-app" content="${app}">`;
}

test("at the host's root the server stands where the page came from", () => {
  open("/app/", "/app/");
  expect(serverBase()).toBe(location.origin);
  expect(serverUrl("/status")).toBe(`${location.origin}/status`);
});

test("under a base path every call and the socket go there, however deep the page's own route is", () => {
  open("/tools/greenroom/app/a/b", "/tools/greenroom/app/");
  expect(serverBase()).toBe(`${location.origin}/tools/greenroom`);
  expect(serverUrl("/api/v1/golden/pairs")).toBe(`${location.origin}/tools/greenroom/api/v1/golden/pairs`);
});

test("a base path that looks like the app's own folder is no trap", () => {
  open("/app/app/", "/app/app/");
  expect(serverBase()).toBe(`${location.origin}/app`);
});

test("under Vite's own server the mark is still relative", () => {
  open("/app/", "./");
  expect(serverBase()).toBe(location.origin);
});

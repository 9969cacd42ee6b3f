import { cleanup, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { expectAccessible } from "../../packages/react/tests/world";
import { card, expectSaid, openModels, problem, reportOf, stateOf, statusOf } from "./models-world";

const PREVIOUS = { version: "1", phase: "queued", progress: 0, error: null } as const;
const WITH_PREVIOUS = reportOf({ state: stateOf("minilm", { version: "2", previous: PREVIOUS }) });
const RELOADED = {
  status: "reloaded",
  model: "minilm",
  model_version: "3",
  previous_version: "2",
  error: null,
} as const;

beforeEach(() => sessionStorage.clear());
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function press(name: string | RegExp) {
  return userEvent.click(card().getByRole("button", { name }));
}

test("a reload says which version serves now, and which one can be rolled back to", async () => {
  const { server, calls } = await openModels(reportOf());
  server.answer = () => Response.json(RELOADED);
  await press("Reload minilm");
  await expectSaid("Version 3 serves now. Version 2 can be rolled back to.");
  expect(calls).toContainEqual({ method: "POST", path: "/models/reload?name=minilm", token: null });
});

test.each([
  [{ status: "unchanged", model_version: "2" }, "The source names nothing newer. Version 2 goes on serving."],
  [
    {
      status: "failed",
      model_version: "2",
      error: { code: "source-unreachable", message: "MLflow is down" },
    },
    "MLflow is down. Version 2 goes on serving.",
  ],
])("a reload that brought nothing says so: %o", async (changes, text) => {
  const { server } = await openModels(reportOf());
  server.answer = () => Response.json({ ...RELOADED, previous_version: null, ...changes });
  await press("Reload minilm");
  await expectSaid(text);
});

test("while the server is busy the button says so, keeps the focus and takes no second press", async () => {
  let answer = (_: Response) => {};
  const { server, calls } = await openModels(reportOf());
  server.answer = () => new Promise((resolve) => (answer = resolve));
  await press("Reload minilm");
  const button = card().getByRole("button", { name: /^Reloading/ });
  expect(document.activeElement).toBe(button);
  await userEvent.click(button);
  expect(calls.filter(({ method }) => method === "POST")).toHaveLength(1);
  answer(Response.json(RELOADED));
  await expectSaid(/Version 3 serves now/);
});

test("a roll back is confirmed in its place, and says that the version is pinned", async () => {
  const { server, calls } = await openModels(WITH_PREVIOUS);
  server.answer = () =>
    Response.json({ ...RELOADED, status: "rolled_back", model_version: "1", pinned: true });
  await press("Roll back minilm");
  expect(calls.some(({ method }) => method === "POST")).toBe(false);
  const yes = card().getByRole("button", { name: "Roll back to version 1" });
  expect(document.activeElement).toBe(yes);
  await userEvent.keyboard("{Enter}");
  await expectSaid(/^Version 1 serves again. It is pinned/);
  expect(calls.at(-1)?.path === "/models/status" || calls.at(-1)?.path === "/models/minilm/rollback").toBe(
    true,
  );
  expect(calls.map(({ path }) => path)).toContain("/models/minilm/rollback");
});

test("Escape leaves everything as it is, with the focus where it was", async () => {
  const { calls } = await openModels(WITH_PREVIOUS);
  await press("Roll back minilm");
  await userEvent.keyboard("{Escape}");
  expect(card().queryByRole("button", { name: "Roll back to version 1" })).toBeNull();
  expect(document.activeElement).toBe(card().getByRole("button", { name: "Roll back minilm" }));
  expect(calls.some(({ method }) => method === "POST")).toBe(false);
});

test("a model without an earlier version offers no roll back, one that is not pinned no unpin", async () => {
  await openModels(reportOf());
  expect(
    card()
      .getAllByRole("button")
      .map(({ textContent }) => textContent),
  ).toEqual(["Reload minilm"]);
});

test("after an unpin the button is gone, and the focus stays on the card", async () => {
  const { server } = await openModels(reportOf({ pinned: true }));
  server.answer = () => {
    server.status = statusOf(reportOf({ pinned: false }));
    return Response.json({ model: "minilm", was_pinned: true });
  };
  await press("Unpin minilm");
  await expectSaid("Unpinned: the source is followed again.");
  await vi.waitFor(() => expect(screen.queryByRole("button", { name: /Unpin/ })).toBeNull(), {
    timeout: 3_000,
  });
  expect(document.activeElement).toBe(card().getByRole("button", { name: "Reload minilm" }));
});

test("a token is asked for when the server wants one, kept for this tab, and the order given again", async () => {
  const { server, calls, page } = await openModels(reportOf());
  server.answer = ({ token }) =>
    token === "Bearer right" ? Response.json(RELOADED) : problem(401, "Send the header.");
  await press("Reload minilm");
  await expectSaid("Only this server’s operator may do that.");
  const field = card().getByLabelText("Admin token");
  expect(document.activeElement).toBe(field);
  await expectAccessible(page.container);
  await userEvent.type(field, "right{Enter}");
  await expectSaid(/Version 3 serves now/);
  expect(sessionStorage.length).toBe(1);
  expect(localStorage.length).toBe(0);
  await press("Reload minilm");
  await expectSaid(/Version 3 serves now/);
  expect(calls.filter(({ token }) => token === "Bearer right")).toHaveLength(2);
});

test("a wrong token is not kept", async () => {
  const { server } = await openModels(reportOf());
  server.answer = () => problem(401, "This is not the admin token.");
  await press("Reload minilm");
  await userEvent.type(await screen.findByLabelText("Admin token"), "wrong{Enter}");
  await expectSaid("This is not the admin token.");
  expect(sessionStorage.length).toBe(0);
});

test.each([
  [403, "Admin calls are closed. The operator opens them by setting GREENROOM_ADMIN_TOKEN."],
  [409, "minilm has no earlier version to roll back to."],
  [429, "Too many wrong admin tokens from your address."],
])("a refusal with %i is said in the server's words, without asking for a token", async (status, detail) => {
  const { server } = await openModels(reportOf());
  server.answer = () => problem(status, detail);
  await press("Reload minilm");
  await expectSaid(detail);
  expect(screen.queryByLabelText("Admin token")).toBeNull();
});

test("a lost answer does not claim that nothing was done", async () => {
  const { server } = await openModels(reportOf());
  server.answer = () => Promise.reject(new TypeError("network"));
  await press("Reload minilm");
  await expectSaid(/whether it did what you asked will show above/);
});

test("a failed model can be tried again by anybody", async () => {
  const { world } = await openModels(reportOf({ state: stateOf("minilm", { phase: "failed" }) }));
  world.answer = () => Response.json({ status: "retrying", model: "minilm" }, { status: 202 });
  await press("Try again minilm");
  await expectSaid("It is tried again.");
  expect(world.calls.at(-1)?.url).toBe("http://here/models/minilm/retry");
});

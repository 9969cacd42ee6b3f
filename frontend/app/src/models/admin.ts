import type { ReloadAnswer, RollbackAnswer, UnpinAnswer } from "@greenroom/client";
import { serverUrl } from "../base";
import { authorization, forgetToken, hasToken } from "./token";
import { sentence } from "./words";

/** What only an operator may ask. On this machine under start-local.sh nobody has to say who they are. */
export type AdminOrder = "reload" | "rollback" | "unpin";

export type AdminOutcome =
  | { kind: "done" | "failed"; text: string }
  /** Said with the server's reason; asked again with a token it may be allowed. */
  | { kind: "token-needed"; text: string };

/** A reload answers once the outcome is known, and a download may be long. */
const DEADLINE_MS = 30 * 60 * 1_000;

export async function order(what: AdminOrder, model: string): Promise<AdminOutcome> {
  try {
    const response = await fetch(addressOf(what, model), {
      method: "POST",
      headers: authorization(),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    const body: unknown = await response.json().catch(() => null);
    return outcomeOf(what, response, body);
  } catch {
    return {
      kind: "failed",
      text: "The server could not be reached; whether it did what you asked will show above.",
    };
  }
}

function addressOf(what: AdminOrder, model: string): string {
  const name = encodeURIComponent(model);
  return serverUrl(what === "reload" ? `/models/reload?name=${name}` : `/models/${name}/${what}`);
}

function outcomeOf(what: AdminOrder, response: Response, body: unknown): AdminOutcome {
  if (response.status === 401) {
    const text = hasToken() ? reasonIn(response, body) : "Only this server’s operator may do that.";
    forgetToken();
    return { kind: "token-needed", text };
  }
  if (!isAnswer(body)) return { kind: "failed", text: reasonIn(response, body) };
  if (what === "reload") return reloaded(body as ReloadAnswer);
  return what === "rollback" ? rolledBack(body as RollbackAnswer) : unpinned(body as UnpinAnswer);
}

/** Also a failure that the server has words for comes as one. */
function isAnswer(body: unknown): body is { model: string } {
  return typeof (body as { model?: unknown } | null)?.model === "string";
}

function reloaded({ status, model_version, previous_version, error }: ReloadAnswer): AdminOutcome {
  const goesOn = model_version === null ? "" : ` Version ${model_version} goes on serving.`;
  if (status === "failed")
    return { kind: "failed", text: `${sentence(error?.message ?? "It failed")}${goesOn}` };
  if (status === "unchanged") return { kind: "done", text: `The source names nothing newer.${goesOn}` };
  const before = previous_version === null ? "" : ` Version ${previous_version} can be rolled back to.`;
  return { kind: "done", text: `Version ${model_version} serves now.${before}` };
}

function rolledBack({ status, model_version, pinned, error }: RollbackAnswer): AdminOutcome {
  if (status === "failed")
    return {
      kind: "failed",
      text: `${sentence(error?.message ?? "It failed")} Version ${model_version} goes on serving.`,
    };
  const held = pinned
    ? " It is pinned: it stays until the source names another version or you unpin it."
    : "";
  return { kind: "done", text: `Version ${model_version} serves again.${held}` };
}

function unpinned({ was_pinned }: UnpinAnswer): AdminOutcome {
  return {
    kind: "done",
    text: was_pinned ? "Unpinned: the source is followed again." : "It was not pinned.",
  };
}

/** A problem's own words (401, 403, 409 and the rest). */
function reasonIn(response: Response, body: unknown): string {
  const { detail } = (body ?? {}) as { detail?: unknown };
  return typeof detail === "string" ? detail : `The server refused (${response.status}).`;
}

import type { QueueEntry } from "./queue.ts";
import type { Replayable } from "./replay.ts";

/** One waiting request as IndexedDB keeps it. */
export interface Row {
  id: string;
  /** The page that holds it: whoever sends it must be that page. */
  owner: string;
  entry: QueueEntry;
  idempotent: boolean;
  init: RequestInit;
  headers: [string, string][];
  body: string | Blob | ArrayBuffer | null;
}

/** All else, credentials above all, is left out: what lies on a disk outlives the session that it belongs to. */
const KEPT_HEADERS = ["Content-Type", "Accept", "Prefer", "Idempotency-Key"];
const KEPT_MEMBERS = [
  "method",
  "mode",
  "credentials",
  "cache",
  "redirect",
  "referrerPolicy",
  "integrity",
  "keepalive",
] as const;

/** `null`: a form or a stream, which does not survive the page. */
export function toRow(entry: QueueEntry, request: Replayable, owner: string): Row | null {
  const { body } = request.init;
  const headers = new Headers(request.init.headers);
  if (body instanceof URLSearchParams && !headers.has("Content-Type"))
    headers.set("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8");
  const kept = bytesOf(body ?? null);
  if (kept === undefined) return null;
  return {
    id: entry.id,
    owner,
    entry,
    idempotent: request.idempotent,
    init: pick(request.init),
    headers: KEPT_HEADERS.flatMap((name) => {
      const value = headers.get(name);
      return value === null ? [] : [[name, value] as [string, string]];
    }),
    body: kept,
  };
}

export function fromRow(row: Row): Replayable {
  const { entry, init, headers, body, idempotent } = row;
  return {
    url: entry.url,
    method: entry.method,
    bytes: entry.bytes,
    idempotent,
    init: { ...init, headers: new Headers(headers), body },
  };
}

export function withHeaders(request: Replayable, extra: HeadersInit | undefined): Replayable {
  const headers = new Headers(request.init.headers);
  new Headers(extra).forEach((value, name) => void headers.set(name, value));
  return { ...request, init: { ...request.init, headers } };
}

function pick(init: RequestInit): RequestInit {
  return Object.fromEntries(
    KEPT_MEMBERS.flatMap((name) => (init[name] === undefined ? [] : [[name, init[name]]])),
  );
}

function bytesOf(body: BodyInit | null): Row["body"] | undefined {
  if (body === null || typeof body === "string" || body instanceof Blob) return body;
  if (body instanceof URLSearchParams) return body.toString();
  if (body instanceof ArrayBuffer) return body;
  // A view was copied when the request came in, so that it covers its whole buffer.
  return ArrayBuffer.isView(body) ? (body.buffer as ArrayBuffer) : undefined;
}

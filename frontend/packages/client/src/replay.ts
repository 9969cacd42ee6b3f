import { NEVER } from "./queue.ts";

/**
 * Whether and how a request can be sent a second time. What may change after the call (buffers, forms, headers) is
 * copied, because `fetch` also takes its arguments as they are at the call.
 */
export interface Replayable {
  url: string;
  method: string;
  init: RequestInit;
  bytes: number;
  idempotent: boolean;
}

/** RFC 9110 section 9.2.2. */
const IDEMPOTENT_METHODS = /^(GET|HEAD|OPTIONS|PUT|DELETE)$/;

export function describeRequest(
  input: string | URL | Request,
  own: RequestInit,
  isIdempotent: (url: string, hasKey: boolean) => boolean | undefined,
): Replayable {
  const isRequest = isRequestObject(input);
  const url = isRequest ? input.url : String(input);
  const init: RequestInit = isRequest ? { ...membersOf(input), ...own } : { ...own };
  const method = (init.method ?? "GET").toUpperCase();
  const headers = new Headers(init.headers);
  if (own.headers || isRequest) init.headers = headers;
  const { body, bytes } = copyBody(init.body ?? null);
  if (body !== null) init.body = body;
  return {
    url,
    method,
    init,
    bytes,
    idempotent: isIdempotent(url, headers.has("Idempotency-Key")) ?? IDEMPOTENT_METHODS.test(method),
  };
}

export function isRequestObject(input: string | URL | Request): input is Request {
  return typeof input === "object" && "url" in input;
}

/** A `Request` has the members of `RequestInit` and others, which `fetch` does not look at. */
function membersOf(request: Request): RequestInit {
  const init: Record<string, unknown> = {};
  for (const name in request) init[name] = request[name as keyof Request];
  return { ...init, body: null };
}

/** Infinity: a stream can be read once only, so it never fits a queue. */
function copyBody(body: BodyInit | null): { body: BodyInit | null; bytes: number } {
  if (body === null) return { body, bytes: 0 };
  if (typeof body === "string") return { body, bytes: new Blob([body]).size };
  if (body instanceof Blob) return { body, bytes: body.size };
  if (body instanceof FormData) return copyForm(body);
  if (body instanceof URLSearchParams) return { body: new URLSearchParams(body), bytes: `${body}`.length };
  if (!("byteLength" in body)) return { body, bytes: NEVER };
  const copy = ArrayBuffer.isView(body)
    ? new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice()
    : body.slice(0);
  return { body: copy as BodyInit, bytes: copy.byteLength };
}

function copyForm(form: FormData): { body: FormData; bytes: number } {
  const body = new FormData();
  let bytes = 0;
  form.forEach((value, name) => {
    body.append(name, value);
    bytes += name.length + (typeof value === "string" ? value.length : value.size);
  });
  return { body, bytes };
}

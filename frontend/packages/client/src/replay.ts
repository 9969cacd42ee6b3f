/** Whether and how a request can be sent a second time. */
export interface Replayable {
  url: string;
  method: string;
  init: RequestInit;
  bytes: number;
  idempotent: boolean;
}

// RFC 9110 section 9.2.2.
const IDEMPOTENT_METHODS = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

export function describeRequest(input: string | URL, init: RequestInit, idempotent?: boolean): Replayable {
  const method = (init.method ?? "GET").toUpperCase();
  const hasKey = new Headers(init.headers).has("Idempotency-Key");
  return {
    url: String(input),
    method,
    init,
    bytes: bodyBytes(init.body ?? null),
    idempotent: idempotent ?? (hasKey || IDEMPOTENT_METHODS.has(method)),
  };
}

/** Infinity: a stream can be read once only, so it never fits a queue. */
function bodyBytes(body: BodyInit | null): number {
  if (body === null) return 0;
  if (typeof body === "string") return new TextEncoder().encode(body).length;
  if (body instanceof URLSearchParams) return body.toString().length;
  if (body instanceof Blob) return body.size;
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return body.byteLength;
  if (typeof FormData !== "undefined" && body instanceof FormData) return formBytes(body);
  return Number.POSITIVE_INFINITY;
}

function formBytes(form: FormData): number {
  let total = 0;
  form.forEach((value, name) => {
    total += name.length + (typeof value === "string" ? value.length : value.size);
  });
  return total;
}

import type { Draining, ErrorFrame, Event, Hello, InitState, JobAnswer, Ping } from "./protocol.gen.ts";

export type ServerMessage = Hello | InitState | Event | Ping | Draining | ErrorFrame;

const KNOWN = new Set(["hello", "initialization", "event", "ping", "draining", "error"]);

/** `null` for what this version does not know: within protocol 1 the server may add messages. */
export function parseMessage(data: unknown): ServerMessage | null {
  const value = typeof data === "string" ? parseJson(data) : null;
  if (!isRecord(value) || !KNOWN.has(String(value.type))) return null;
  if (value.type === "initialization") return asSnapshot(value);
  return value as unknown as ServerMessage;
}

/** A snapshot, wherever it was found: a frame, the body of a refusal, the inside of `GET /status`. */
export function asSnapshot(value: unknown): InitState | null {
  if (!isRecord(value) || value.type !== "initialization") return null;
  const complete =
    typeof value.epoch === "string" &&
    typeof value.seq === "number" &&
    typeof value.round === "number" &&
    typeof value.ready === "boolean" &&
    Array.isArray(value.models) &&
    Array.isArray(value.scope);
  return complete ? (value as unknown as InitState) : null;
}

/** A job, as a frame or as an answer. */
export function asJob(value: unknown): JobAnswer | null {
  if (!isRecord(value)) return null;
  const isJob = typeof value.job_uuid === "string" && typeof value.status === "string";
  return isJob ? (value as unknown as JobAnswer) : null;
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

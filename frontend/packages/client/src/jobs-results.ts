import { type Connection, inTime, isTemporary, MAX_ATTEMPTS, pauseAfter, requireOk } from "./jobs-call.ts";
import type { JobResult } from "./protocol.gen.ts";

/** Between two pieces of the stream, and before the first. */
const STALL_MS = 30_000;

/**
 * The rows one by one, in the order of the inputs, as they come. Where the connection breaks it is read again from the
 * beginning, and what was given is not given twice. Rejects with a `CallError`, or as `fetch` does after five tries.
 */
export async function* readResults(
  connection: Connection,
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<JobResult, void> {
  let given = 0;
  for (let attempt = 1; ; attempt += 1) {
    let index = 0;
    try {
      for await (const line of readLines(connection, path, signal)) {
        const row = JSON.parse(line) as JobResult;
        index += 1;
        if (index <= given) continue;
        given = index;
        attempt = 0;
        yield row;
      }
      return;
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= MAX_ATTEMPTS || !isTemporary(error)) throw error;
      await pauseAfter(error, attempt, connection.seams, signal);
    }
  }
}

async function* readLines(
  { url, headers, seams }: Connection,
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<string, void> {
  const response = await inTime(seams.timers, STALL_MS, signal, async (mine) =>
    requireOk(await seams.fetch(url + path, { headers, signal: mine }), seams),
  );
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await inTime(seams.timers, STALL_MS, signal, () => reader.read());
      const lines = (rest + decoder.decode(value, { stream: !done })).split("\n");
      rest = done ? "" : (lines.pop() ?? "");
      for (const line of lines) if (line.trim() !== "") yield line;
      if (done) return;
    }
  } finally {
    // It may hang as long as the connection does.
    reader.cancel().catch(() => {});
  }
}

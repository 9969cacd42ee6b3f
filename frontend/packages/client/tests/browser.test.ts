import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { browserSeams } from "../src/index.ts";

class Connecting {
  static readonly CONNECTING = 0;
  readyState = 0;
  closedWith: number[] = [];
  onopen: (() => void) | null = null;
  close(code: number): void {
    this.closedWith.push(code);
  }
}

const made: Connecting[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal(
    "WebSocket",
    class extends Connecting {
      constructor() {
        super();
        made.push(this);
      }
    },
  );
});

afterEach(() => {
  made.length = 0;
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function givenUp(): Connecting {
  const events = { onMessage: () => {}, onClose: () => {} };
  browserSeams().openSocket("ws://here", "greenroom.v1", events).close();
  return made[0]!;
}

test("a socket given up while it connects is closed as soon as it is open", () => {
  const socket = givenUp();
  expect(socket.closedWith).toEqual([]);
  socket.onopen?.();
  expect(socket.closedWith).toEqual([1000]);
});

test("a socket given up while it connects is closed also when it never opens", () => {
  const socket = givenUp();
  vi.advanceTimersByTime(1_000);
  expect(socket.closedWith).toEqual([1000]);
});

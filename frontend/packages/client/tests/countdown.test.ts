import { expect, test } from "vitest";
import { remaining, withEstimate } from "../src/countdown.ts";

const START = withEstimate(null, 40, 0);

test("between two estimates the clock counts", () => {
  expect(remaining(START, 15_000)).toEqual({ kind: "seconds", seconds: 25 });
});

test("an estimate that moved by a tenth or less changes nothing", () => {
  expect(withEstimate(START, 37, 0)?.endsAt).toBe(40_000);
});

test("an estimate that fell by more is followed", () => {
  expect(remaining(withEstimate(START, 30, 0), 0)).toEqual({ kind: "seconds", seconds: 30 });
});

test("an estimate that rose says longer, and counts again once it is below what was shown", () => {
  const risen = withEstimate(START, 60, 0);
  expect(remaining(risen, 0)).toEqual({ kind: "longer" });
  expect(remaining(risen, 21_000)).toEqual({ kind: "seconds", seconds: 39 });
});

test("a countdown that ran out says longer, not zero", () => {
  expect(remaining(START, 40_000)).toEqual({ kind: "longer" });
});

test("an unknown estimate keeps what is known, and nothing known is said to be unknown", () => {
  expect(withEstimate(START, null, 1_000)).toBe(START);
  expect(remaining(null, 0)).toEqual({ kind: "unknown" });
});

test("an estimate that ran out stays so, whatever comes after it", () => {
  const renewed = withEstimate(START, 5, 41_000);
  expect(remaining(renewed, 41_000)).toEqual({ kind: "longer" });
  expect(remaining(renewed, 45_500)).toEqual({ kind: "longer" });
});

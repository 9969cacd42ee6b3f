import { expect, test } from "vitest";
import { type Countdown, remaining, withEstimate, withLook } from "../src/countdown.ts";

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

test("estimates that wobble by a second or two let the number stand, not say longer", () => {
  const first = withEstimate(null, 7, 0);
  const risen = withEstimate(withLook(first as Countdown, 500), 9, 600);
  expect(remaining(risen, 600)).toEqual({ kind: "seconds", seconds: 7 });
  expect(remaining(risen, 4_000)).toEqual({ kind: "seconds", seconds: 6 });
  expect(remaining(withEstimate(risen, 12, 600), 600)).toEqual({ kind: "longer" });
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

test("a clock that was set back raises no number that was looked at", () => {
  const looked = withLook(START as Countdown, 30_000);
  expect(remaining(looked, 30_000)).toEqual({ kind: "seconds", seconds: 10 });
  expect(remaining(looked, 20_000)).toEqual({ kind: "longer" });
  expect(remaining(looked, 31_000)).toEqual({ kind: "seconds", seconds: 9 });
});

test.each([
  { left: 100, estimate: 94, shown: 94, because: "six seconds are more than five" },
  { left: 100, estimate: 95, shown: 100, because: "five of a hundred are neither" },
  { left: 40, estimate: 35, shown: 35, because: "an eighth is more than a tenth" },
  { left: 40, estimate: 36, shown: 40, because: "a tenth is not more than a tenth" },
  { left: 4, estimate: 3, shown: 4, because: "whole seconds differ by one and mean the same" },
])("of $left seconds an estimate of $estimate shows $shown: $because", ({ left, estimate, shown }) => {
  const countdown = withEstimate(withEstimate(null, left, 0), estimate, 0);
  expect(remaining(countdown, 0)).toEqual({ kind: "seconds", seconds: shown });
});

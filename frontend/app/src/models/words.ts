import type { ModelReport, ModelState, Phase, StageName } from "@greenroom/client";
import { createFormat } from "@greenroom/react";

export interface Standing {
  label: string;
  tone: "good" | "busy" | "bad" | "quiet";
}

const STANDING: Record<Phase, Standing> = {
  connecting: { label: "Connecting", tone: "busy" },
  queued: { label: "About to load", tone: "busy" },
  downloading: { label: "Downloading", tone: "busy" },
  loading: { label: "Loading", tone: "busy" },
  finalizing: { label: "Almost ready", tone: "busy" },
  ready: { label: "Ready", tone: "good" },
  failed: { label: "Failed", tone: "bad" },
};

export function standingOf({ phase }: ModelState, isIdle: boolean): Standing {
  return isIdle ? { label: "Not in memory", tone: "quiet" } : STANDING[phase];
}

export function phaseLabel(phase: Phase): string {
  return STANDING[phase].label;
}

export function kindOf({ state, runtime }: ModelReport): string {
  if (state.task === "embed") return "Embeds texts";
  return runtime === "tabular" ? "Classifies rows of a table" : "Classifies texts";
}

export const STAGES: Record<StageName, string> = {
  resolve: "Resolve",
  download: "Download",
  import: "Import",
  weights: "Weights",
  warmup: "Warm-up",
  check: "Check",
};

const WHEN = new Intl.DateTimeFormat("en", {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const CLOCK = new Intl.DateTimeFormat("en", { timeStyle: "medium", hourCycle: "h23" });

/** Of a time on the wire (RFC 3339). */
export function when(at: string): string {
  return WHEN.format(new Date(at));
}

export function clockTime(at: string): string {
  return CLOCK.format(new Date(at));
}

/** Fractions of a second matter for a load. */
export function loadSeconds(seconds: number): string {
  return `${seconds < 10 ? seconds.toFixed(2) : seconds.toFixed(1)} s`;
}

/** The words are English, so the numbers are too. */
export const { bytes, duration } = createFormat("en");

/** The server's reasons end as they like. */
export function sentence(message: string): string {
  return /[.!?]$/.test(message) ? message : `${message}.`;
}

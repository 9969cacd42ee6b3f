import type { PreviewAnswer } from "@greenroom/client";
import { useEffect, useState } from "react";
import { readStored, writeStored } from "./storage";

/** One question of this browser, with what was answered. */
export interface Answer {
  /** Milliseconds since 1970, by this browser's clock. */
  at: number;
  description: string;
  preview: PreviewAnswer;
  /** Somebody waits for it on this page, and wants to be taken to it. */
  isAwaited?: boolean;
}

const KEY = "greenroom.rfq.answers";
const ASKED_KEY = "greenroom.rfq.asked";
const KEPT = 5;

/** The last answers, newest first, across reloads: something to read while a model loads. */
export function useAnswers(): [readonly Answer[], (answer: Answer) => void] {
  const [answers, setAnswers] = useState(readAnswers);
  useEffect(() => writeStored(KEY, JSON.stringify(answers)), [answers]);
  return [answers, (answer) => setAnswers((known) => [answer, ...known].slice(0, KEPT))];
}

/** The last question, for an answer that comes to the next page. */
export function readAsked(): string {
  return readStored(ASKED_KEY) ?? "";
}

export function writeAsked(description: string): void {
  writeStored(ASKED_KEY, description);
}

function readAnswers(): readonly Answer[] {
  try {
    const stored: unknown = JSON.parse(readStored(KEY) ?? "[]");
    return Array.isArray(stored) ? stored.filter(isAnswer).slice(0, KEPT) : [];
  } catch {
    return [];
  }
}

/** Another version of this page may have written it. */
function isAnswer(value: unknown): value is Answer {
  const answer = value as Partial<Answer> | null;
  return (
    typeof answer?.at === "number" &&
    typeof answer.description === "string" &&
    typeof answer.preview?.prompt === "string" &&
    Array.isArray(answer.preview.pairs)
  );
}

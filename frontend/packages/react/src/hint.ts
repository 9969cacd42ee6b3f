import type { ReadinessView } from "@greenroom/client";
import { useWords } from "./context.tsx";
import { withBeside } from "./english.ts";
import { useModelReadiness } from "./hooks.ts";
import { fill } from "./messages.ts";
import { isRefused } from "./states.ts";
import type { Words } from "./words.ts";

function waitHintOf(words: Words, view: ReadinessView): string | null {
  const { hint } = withBeside(words);
  const { link, remaining } = view;
  if (link.state === "offline" || link.state === "reconnecting") return hint.lost;
  if (view.ready) return null;
  if (view.phase === "failed" || isRefused(view)) return hint.failed;
  return remaining.kind === "seconds"
    ? fill(hint.readyIn, { time: words.duration(remaining.seconds) })
    : hint.ready;
}

/**
 * What a button that needs the models may say beside it ("Goes out when the model is ready, in about 12 sec"), or
 * `null` when a press is answered at once. The page stays usable meanwhile: only these buttons have to say it.
 */
export function useWaitHint(scope: readonly string[] | null = null): string | null {
  return waitHintOf(useWords(), useModelReadiness(scope));
}

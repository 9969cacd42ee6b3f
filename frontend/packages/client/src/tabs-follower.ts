import { patienceMs } from "./patience.ts";
import type { Seams } from "./seams.ts";
import type { Want } from "./tabs-messages.ts";
import type { Shown } from "./tabs-shown.ts";

/**
 * A tab that shows what another one hears, and watches that other one. A tab that was closed has let go of the lock;
 * a frozen one holds it and says nothing. So a leader that was silent for longer than a socket would be believed is
 * asked, and whoever does not answer at once is robbed. A frozen tab cannot rob anybody back.
 */
export interface Follower {
  /** Whether `from` is the leader; if so, it was heard, and spoke at `at`. */
  hear(from: string, at: number, isNew: boolean): boolean;
  /** The leader said in which kind of tab it lives. */
  setLeaderHidden(isHidden: boolean): void;
  /** The leader said goodbye. */
  leave(from: string): void;
  /** Asks the leader, and claims the lock unless it answers. */
  look(want: Want): void;
  /** Looks whether anything has to be done about the leader. */
  judge(): void;
  /** Whether what is shown could still be live. */
  isFresh(): boolean;
  stop(): void;
}

export interface FollowerActions {
  ask(want: Want): void;
  /** `isAgain`: the last claim brought neither the lock nor word of a leader. */
  claim(isAgain: boolean): void;
}

const ANSWER_MS = 500;
/** Two tabs that miss the same leader do not rob at the same moment: the first to do so is heard by the other. */
const JITTER_MS = 250;
/** A timer this late tells of a tab that stood still itself: the answer may wait behind it. It asks again, once. */
const LATE_MS = 500;
/** In tabs that nobody sees: one that somebody sees comes first. */
const HIDDEN_GRACE_MS = 10_000;
/** Time enough to ask and to rob: what was believed until then is not taken back meanwhile. */
const FRESH_GRACE_MS = 3_000;
const WATCH_MS = 1_000;

export function createFollower(seams: Seams, shown: Shown, { ask, claim }: FollowerActions): Follower {
  const { clock, page, random, timers } = seams;
  let leader: string | null = null;
  let isLeaderHidden = false;
  let heardAt = Number.NEGATIVE_INFINITY;
  /** When it was asked last; `null` once it spoke since. Messages that waited in a frozen tab are no answer. */
  let askedAt: number | null = clock.now();
  let wasLate = false;
  let hasClaimed = false;
  let decision: unknown = null;
  let watch: unknown = null;

  const isWithin = (graceMs: number) => clock.now() - heardAt <= patienceMs(shown.snapshot()) + graceMs;
  const isSilent = () => askedAt !== null || !isWithin(page.isHidden() ? HIDDEN_GRACE_MS : 0);
  // Hidden tabs have slow timers: one that somebody sees gets a lost line back sooner.
  const isWeak = () => isLeaderHidden && !page.isHidden() && !isSettled(shown);

  function decideIn(milliseconds: number): void {
    if (decision !== null) return;
    const delay = milliseconds + random() * JITTER_MS;
    const dueAt = clock.now() + delay;
    decision = timers.set(() => {
      decision = null;
      decide(clock.now() - dueAt > LATE_MS);
    }, delay);
  }

  function decide(isLate: boolean): void {
    if (isSilent() && isLate && !wasLate) {
      wasLate = true;
      look("state");
    } else if (isSilent() || isWeak()) {
      claim(hasClaimed);
      hasClaimed = true;
    }
  }

  function look(want: Want): void {
    askedAt = clock.now();
    ask(want);
    decideIn(ANSWER_MS);
  }

  function judge(): void {
    if (decision !== null) return;
    if (isSilent()) look("state");
    else if (isWeak()) decideIn(0);
  }

  function keepWatch(): void {
    watch = timers.set(() => {
      keepWatch();
      judge();
    }, WATCH_MS);
  }
  keepWatch();

  return {
    hear(from, at, isNew) {
      if (isNew || askedAt !== null) leader = from;
      // One that was robbed and does not know it yet may still be talking.
      if (leader !== from) return false;
      heardAt = Math.min(at, clock.now());
      if (askedAt === null || at < askedAt) return true;
      askedAt = null;
      wasLate = false;
      hasClaimed = false;
      return true;
    },
    setLeaderHidden(isHidden) {
      isLeaderHidden = isHidden;
      judge();
    },
    leave: (from) => from === leader && look("state"),
    look,
    judge,
    isFresh: () => isWithin(FRESH_GRACE_MS) && shown.snapshot() !== null,
    stop() {
      timers.clear(decision);
      timers.clear(watch);
    },
  };
}

function isSettled(shown: Shown): boolean {
  const { state } = shown.status();
  return state === "live" || state === "stopped";
}

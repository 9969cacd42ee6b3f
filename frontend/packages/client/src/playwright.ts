import type { ErrorCode, InitState, StageName } from "./protocol.gen.ts";

/**
 * For Playwright: `control` drives a server that runs with `--engine scripted`, `overlay` finds what a person sees of
 * the overlay. Playwright itself is not imported: whatever looks like its Page will do, in any browser it drives.
 */

const DEADLINE_MS = 15_000;
const POLL_MS = 20;

/** The server refused an order, or what a test waited for did not come. */
export class ControlError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ControlError";
  }
}

export interface FailOrder {
  message?: string;
  /** Default: `load-failed`. */
  code?: ErrorCode;
  /** Whether the server may try again by itself. Default: false. */
  temporary?: boolean;
}

/** `model` may be left out while there is only one. All reject with `ControlError`. */
export interface Control {
  /** Lets the load stand so that the snapshot's `progress` is exactly `percent` (0-99). */
  freeze(percent: number, model?: string): Promise<void>;
  /** Reports that `fraction` (0-1) of `stage` is done. */
  step(stage: StageName, fraction: number, model?: string): Promise<void>;
  /** Gives the next load these stages; such a load is driven by `step`. */
  stages(stages: readonly StageName[], model?: string): Promise<void>;
  /** Goes on evenly from here to ready in so many seconds of real time; returns at once. */
  proceed(seconds?: number, model?: string): Promise<void>;
  /** Lets this load and every later one go to ready by itself in so many seconds of real time. */
  auto(seconds?: number, model?: string): Promise<void>;
  /** Ends the load with a model that is ready, and waits until the server shows it. */
  becomeReady(model?: string): Promise<void>;
  /** Ends the load with an error, and waits until the server shows it. */
  fail(order?: FailOrder, model?: string): Promise<void>;
  /** Lets the model's host die, loading or ready: it restarts, and a new round begins. */
  crash(model?: string): Promise<void>;
  /** Lets predictions wait from now on. */
  holdCalls(model?: string): Promise<void>;
  releaseCalls(model?: string): Promise<void>;
  /** Lets each of these texts end the host that it is given to; none: no text does any more. */
  poison(texts: readonly string[], model?: string): Promise<void>;
  /** Moves the server's clock. */
  advance(seconds: number): Promise<void>;
  /** What the server tells its clients now. */
  snapshot(): Promise<InitState>;
  /** The first snapshot that is as wanted, within 15 s. */
  waitFor(isWanted: (snapshot: InitState) => boolean, name: string): Promise<InitState>;
}

/** Drives the scripted engine of the server at `baseUrl` (no slash at the end), from the same machine. */
export function control(baseUrl: string): Control {
  const order = (name: string, members: object, model?: string) =>
    call<unknown>(`${baseUrl}/__test__/${name}`, { ...members, ...(model !== undefined && { model }) });
  const snapshot = async () => (await call<{ snapshot: InitState }>(`${baseUrl}/status`)).snapshot;
  const does = async (done: Promise<unknown>): Promise<void> => void (await done);

  async function waitFor(isWanted: (snapshot: InitState) => boolean, name: string): Promise<InitState> {
    const until = Date.now() + DEADLINE_MS;
    for (;;) {
      const now = await snapshot();
      if (isWanted(now)) return now;
      if (Date.now() > until)
        throw new ControlError(`not ${name} after ${DEADLINE_MS} ms: ${JSON.stringify(now)}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  return {
    freeze: (percent, model) => does(order("freeze", { percent }, model)),
    step: (stage, fraction, model) => does(order("step", { stage, fraction }, model)),
    stages: (stages, model) => does(order("stages", { stages }, model)),
    proceed: (seconds = 1, model) => does(order("proceed", { seconds }, model)),
    auto: (seconds = 1, model) => does(order("auto", { seconds }, model)),
    async becomeReady(model) {
      await order("ready", {}, model);
      await waitFor(({ ready }) => ready, "ready");
    },
    async fail(how = {}, model) {
      await order("fail", how, model);
      await waitFor(({ phase }) => phase === "failed", "failed");
    },
    crash: (model) => does(order("crash", {}, model)),
    holdCalls: (model) => does(order("hold", {}, model)),
    releaseCalls: (model) => does(order("release", {}, model)),
    poison: (texts, model) => does(order("poison", { texts }, model)),
    advance: (seconds) => does(order("clock/advance", { seconds })),
    snapshot,
    waitFor,
  };
}

async function call<Answer>(url: string, body?: object): Promise<Answer> {
  const sent = body && { method: "POST", body: JSON.stringify(body) };
  const headers = { "Content-Type": "application/json" };
  const response = await fetch(url, { ...sent, headers, signal: AbortSignal.timeout(DEADLINE_MS) });
  if (!response.ok) throw new ControlError(`${url}: ${response.status} ${await response.text()}`);
  return response.json();
}

type Role = "progressbar" | "alert" | "button" | "status";

/** What of Playwright's Locator is used here. */
export interface LocatorLike<Self> {
  locator(selector: string): Self;
  getByRole(role: Role, options?: { name?: string | RegExp }): Self;
  getAttribute(name: string, options?: { timeout?: number }): Promise<string | null>;
  count(): Promise<number>;
  waitFor(options?: { state?: "visible" | "detached"; timeout?: number }): Promise<void>;
}

export interface PageLike<Locator> {
  locator(selector: string): Locator;
}

/** `data-state` of the overlay. */
export type OverlayState =
  | "connecting"
  | "loading"
  | "stalled"
  | "polling"
  | "reconnecting"
  | "draining"
  | "offline"
  | "failed"
  | "ready";

/** The parts of the overlay, and what they are to show; each expectation waits up to 15 s. */
export interface Overlay<Locator> {
  readonly card: Locator;
  readonly progressbar: Locator;
  /** There while it has failed. */
  readonly alert: Locator;
  /** The requests that wait, in order. */
  readonly queue: Locator;
  button(name: string | RegExp): Locator;
  /** One stage of the load; its `data-stage-state` says how far it is. */
  stage(name: StageName): Locator;
  expectState(state: OverlayState): Promise<void>;
  /** Exactly so many per cent. */
  expectProgress(percent: number): Promise<void>;
  /** Nothing of it is on the page. */
  expectGone(): Promise<void>;
}

const CARD = "[data-greenroom-overlay]";

/** The overlay on `page`, by the attributes that are its contract. */
export function overlay<Locator extends LocatorLike<Locator>>(page: PageLike<Locator>): Overlay<Locator> {
  const card = page.locator(CARD);

  async function expectAttribute(name: string, value: string): Promise<void> {
    try {
      await page.locator(`${CARD}[${name}="${value}"]`).waitFor({ timeout: DEADLINE_MS });
    } catch (cause) {
      throw new Error(`The overlay's ${name} should be "${value}", and is ${await shown(name)}.`, { cause });
    }
  }

  async function shown(name: string): Promise<string> {
    if ((await card.count()) === 0) return "not there";
    return `"${await card.getAttribute(name, { timeout: POLL_MS })}"`;
  }

  return {
    card,
    progressbar: card.getByRole("progressbar"),
    alert: card.getByRole("alert"),
    queue: card.locator("[data-queue-position]"),
    button: (name) => card.getByRole("button", { name }),
    stage: (name) => card.locator(`[data-stage="${name}"]`),
    expectState: (state) => expectAttribute("data-state", state),
    expectProgress: (percent) => expectAttribute("data-progress", `${percent}`),
    expectGone: () => card.waitFor({ state: "detached", timeout: DEADLINE_MS }),
  };
}

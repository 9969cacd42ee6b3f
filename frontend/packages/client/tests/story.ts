import { createGreenroom, type Fetch, type QueueLimits } from "../src/index.ts";
import { createFakeServer, type FakeCall, type FakeServer, settle } from "../src/testing.ts";

import type { AskKind, Step, StoryPlan } from "./story-steps.ts";

export const LIMITS: Partial<QueueLimits> = { maxCount: 4, maxBytes: 300, maxConcurrent: 2 };

export interface Asked {
  number: number;
  kind: AskKind;
  orderKey: string | null;
  abort: AbortController;
  outcome: "open" | "answered" | "rejected";
  handled: number;
}

export interface Told {
  asked: Asked[];
  /** What was not to happen, each once. */
  broken: Set<string>;
  handledInOrder: Asked[];
}

const CALM_STEP_MS = 30_000;
const CALM_STEPS = 60;

/** A page and its server, and what was seen of them. */
export class Stage {
  readonly server: FakeServer;
  readonly greenroom: ReturnType<typeof createGreenroom>;
  readonly told: Told = { asked: [], broken: new Set(), handledInOrder: [] };
  private readonly highest = new Map<string, number>();
  private isServerUp = true;
  private isPageUp = true;
  private hasLied = false;

  constructor(plan: StoryPlan) {
    let throws = 0;
    const random = () => plan.dice[throws++ % plan.dice.length] ?? 0.5;
    this.server = createFakeServer({ honoursIdempotencyKey: plan.keepsKeys, random });
    this.server.network.latencyMs = plan.latencyMs;
    for (const method of ["POST", "GET"]) this.server.handle(`${method} /work`, (call) => this.work(call));
    const honoursIdempotencyKey = () => plan.keepsKeys;
    const { url, seams } = this.server.address;
    const fetch: Fetch = (input, init) => {
      const isOver = this.askedAt(new URL(String(input)))?.outcome;
      this.expect(isOver === undefined || isOver === "open", "nothing is sent after its end");
      return seams.fetch(input, init);
    };
    this.greenroom = createGreenroom({ url, seams, fetch, queue: LIMITS, honoursIdempotencyKey });
    this.greenroom.store.subscribe(() => this.look());
    this.greenroom.queue.subscribe(() => this.count());
  }

  async tell(plan: StoryPlan): Promise<Told> {
    this.greenroom.start();
    for (const each of plan.steps) {
      await this.take(each);
      await settle();
      this.look();
      this.count();
    }
    await this.becomeCalm();
    await this.expectAtRest();
    return this.told;
  }

  expect(holds: boolean, promise: string): void {
    if (!holds) this.told.broken.add(promise);
  }

  /** Steps that make no sense now (starting what runs, loading what is ready) do nothing. */
  private take(step: Step): void | Promise<void> {
    const { server, greenroom } = this;
    const { network, page } = server;
    switch (step.do) {
      case "load":
        return this.load(step.by);
      case "ready":
        return server.ready();
      case "fail":
        return server.snapshot().ready ? undefined : server.fail();
      case "retryLater":
        return server.snapshot().ready ? undefined : server.fail("Later.", { retryInSeconds: 5 });
      case "modelRestarts":
        return server.modelRestarts();
      case "restart":
        return this.restart();
      case "stop":
        return this.serverStops(() => server.stop());
      case "drain":
        return this.serverStops(() => server.drain(2_000));
      case "start":
        return this.serverStarts();
      case "lie":
        this.hasLied = true;
        return server.snapshot().ready ? undefined : server.lie({ progress: step.percent });
      case "badFrame":
        return server.sayBadly(step.frame);
      case "close":
        return server.close(step.code);
      case "drop":
        return network.dropFrames(step.count);
      case "duplicate":
        return network.duplicateFrames(step.count);
      case "swap":
        return network.swapFrames();
      case "delay":
        return network.delayFrames(step.milliseconds, 2);
      case "loseCalls":
        return network.loseCalls(step.count);
      case "loseAnswers":
        return network.loseAnswers(step.count);
      case "delayAnswers":
        return network.delayAnswers(step.milliseconds, 2);
      case "proxy503":
        return network.replaceAnswers(
          () => new Response("", { status: 503, headers: { "Retry-After": "2" } }),
        );
      case "overload":
        return server.overload(3);
      case "silence":
        return network.silence();
      case "speak":
        return network.speak();
      case "block":
        return network.blockSockets(step.how);
      case "letThrough":
        return network.letSocketsThrough();
      case "down":
        return network.down();
      case "up":
        return network.up();
      case "hide":
        return page.hide();
      case "show":
        return page.show();
      case "offline":
        return page.goOffline();
      case "online":
        return page.goOnline();
      case "comeBack":
        return page.comeBack();
      case "pageStops":
        return this.pageStops();
      case "pageStarts":
        this.isPageUp = true;
        return greenroom.start();
      case "jump":
        return server.time.jump(step.milliseconds);
      case "wait":
        return server.time.advance(step.milliseconds);
      case "ask":
        return this.ask(step);
      case "cancel":
        return void greenroom.queue.cancel(greenroom.queue.list()[step.which]?.id ?? "");
      case "abort":
        return this.told.asked[step.which]?.abort.abort(new Error("left"));
    }
  }

  private load(by: number): void {
    const { ready, progress } = this.server.snapshot();
    if (!ready) this.server.load(Math.min(99, progress + by));
  }

  private restart(): void {
    this.serverStops(() => this.server.stop());
    this.serverStarts();
  }

  private serverStops(how: () => void): void {
    if (!this.isServerUp) return;
    this.isServerUp = false;
    how();
  }

  private serverStarts(): void {
    if (this.isServerUp) return;
    this.isServerUp = true;
    this.server.start();
  }

  private async pageStops(): Promise<void> {
    this.isPageUp = false;
    this.greenroom.stop();
    await this.expectStopped();
  }

  private async expectStopped(): Promise<void> {
    await settle();
    this.expect(this.server.time.pending() === 0, "no timer is left after stop");
    this.expect(this.server.network.lines.length === 0, "no socket is open after stop");
  }

  private ask(step: Step & { do: "ask" }): void {
    const { asked } = this.told;
    const abort = new AbortController();
    const common = { orderKey: step.orderKey, kind: step.kind, abort };
    const one: Asked = {
      ...common,
      number: asked.length,
      outcome: "open",
      handled: 0,
    };
    asked.push(one);
    const body = JSON.stringify({ number: one.number, filling: "x".repeat(step.bytes) });
    const init = step.kind === "get" ? {} : { method: "POST", body };
    const headers: Record<string, string> =
      step.kind === "keyed" ? { "Idempotency-Key": `k${one.number}` } : {};
    this.greenroom
      .fetch(`http://greenroom.test/work?number=${one.number}`, {
        ...init,
        headers,
        label: `${one.number}`,
        signal: abort.signal,
        ...(step.orderKey !== null && { orderKey: step.orderKey }),
        ...(step.deadlineMs !== null && { deadlineMs: step.deadlineMs }),
      })
      .then(
        (response) => this.answered(one, response),
        () => {
          one.outcome = "rejected";
        },
      );
  }

  private answered(one: Asked, response: Response): void {
    one.outcome = "answered";
    this.expect(response.status !== 200 || one.handled > 0, "an answer comes from a handler");
  }

  private askedAt({ searchParams }: { searchParams: URLSearchParams }): Asked | undefined {
    return searchParams.has("number") ? this.told.asked[Number(searchParams.get("number"))] : undefined;
  }

  private work({ query }: FakeCall): string {
    const one = this.askedAt({ searchParams: query });
    if (one === undefined) return "unknown";
    one.handled += 1;
    if (one.handled === 1) this.told.handledInOrder.push(one);
    return "done";
  }

  private look(): void {
    const { progress, ready, snapshot } = this.greenroom.store.getView();
    this.expect((progress === 100) === ready, "100 is shown when ready, and only then");
    if (snapshot === null) return;
    const life = `${snapshot.epoch}/${snapshot.round}`;
    this.expect(progress >= (this.highest.get(life) ?? 0), "shown progress never falls within a round");
    this.highest.set(life, Math.max(progress, this.highest.get(life) ?? 0));
  }

  private count(): void {
    const waiting = this.greenroom.queue.list();
    const bytes = waiting.reduce((sum, entry) => sum + entry.bytes, 0);
    this.expect(waiting.length <= 4 && bytes <= 300, "the queue is never above its bounds");
    const sending = waiting.filter(({ state }) => state === "sending").length;
    this.expect(sending <= 2, "no more are under way than may be");
  }

  /** Everything is mended; the page must see the truth within a minute, and every request must come to its end. */
  private async becomeCalm(): Promise<void> {
    const { server, greenroom } = this;
    server.network.heal();
    // What is on its way while we look would differ.
    server.network.latencyMs = 0;
    server.page.goOnline();
    server.page.show();
    this.serverStarts();
    await server.time.advance(1_000);
    // A fatal close code stopped the line for good, as it should; a person would load the page again.
    if (this.isPageUp && greenroom.link.status().state === "stopped") greenroom.stop();
    greenroom.start();
    // Said once more: real sockets lose no frame without breaking, so nothing but news mends the loss of one.
    if (server.snapshot().ready) server.ready();
    else this.load(1);
    await server.time.advance(60_000);
    this.expectTruth("loading");
    server.ready();
    for (let turn = 0; turn < CALM_STEPS && this.isAnyOpen(); turn += 1)
      await server.time.advance(CALM_STEP_MS);
    await server.time.advance(2_000);
    this.expectTruth("ready");
    this.expect(!this.isAnyOpen(), "none is lost: each request comes to its end");
    this.expect(greenroom.queue.list().length === 0, "nothing stays in the queue");
  }

  private isAnyOpen(): boolean {
    return this.told.asked.some(({ outcome }) => outcome === "open");
  }

  private expectTruth(when: string): void {
    const view = this.greenroom.store.getView();
    const truth = this.server.snapshot();
    const same = JSON.stringify(view.snapshot) === JSON.stringify(truth);
    const shown = this.hasLied ? view.progress >= truth.progress : view.progress === truth.progress;
    this.expect(same && shown, `in calm the view is what the server says (${when})`);
  }

  private async expectAtRest(): Promise<void> {
    this.greenroom.stop();
    await this.expectStopped();
    await this.server.time.advance(120_000);
    await this.expectStopped();
  }
}

/** Handled twice, though a second run could do harm. */
export function duplicates(told: Told): Asked[] {
  return told.asked.filter(({ kind, handled }) => kind !== "get" && handled > 1);
}

/** Of those that were not given up on the way: nobody can call back what has left. */
export function isInOrderOfKeys(told: Told): boolean {
  const last = new Map<string, number>();
  return told.handledInOrder.every(({ orderKey, number, outcome }) => {
    if (orderKey === null || outcome !== "answered") return true;
    const isAfter = number > (last.get(orderKey) ?? -1);
    last.set(orderKey, number);
    return isAfter;
  });
}

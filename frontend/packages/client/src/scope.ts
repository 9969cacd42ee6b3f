import { type InitState, type ModelState, PHASE_ORDER, type Phase } from "./protocol.gen.ts";

/** One spelling per set of models. `null` is the server's own scope: the required models. */
export function scopeKey(scope: readonly string[] | null): string {
  return scope === null ? "" : [...new Set(scope)].sort().join(",");
}

/**
 * What a snapshot says about some of its models: the least advanced one speaks for all, as on the server.
 * `null` when it does not list them all.
 */
export function project(snapshot: InitState, scope: readonly string[]): InitState | null {
  if (scopeKey(snapshot.scope) === scopeKey(scope)) return snapshot;
  const models = snapshot.models.filter((model) => scope.includes(model.name));
  const [slowest] = [...models].sort((left, right) => rank(left.phase) - rank(right.phase));
  if (slowest === undefined || models.length < new Set(scope).size) return null;
  const ready = slowest.phase === "ready";
  return {
    ...snapshot,
    scope: models.map((model) => model.name),
    models,
    ready,
    models_loaded: ready,
    phase: slowest.phase,
    progress: Math.min(...models.map((model) => model.progress)),
    estimated_seconds: ready ? 0 : longest(models),
    estimate_basis: slowest.estimate_basis,
    status: projectedStatus(models, ready),
    // The server's sentence is about its own scope; of a part that is ready it would say that it loads.
    ...(ready && { message: "All systems ready", message_key: "init.ready" }),
  };
}

function rank(phase: Phase): number {
  return (PHASE_ORDER as readonly Phase[]).indexOf(phase);
}

function longest(models: ModelState[]): number | null {
  const waiting = models.filter((model) => model.phase !== "ready").map((model) => model.estimated_seconds);
  const known = waiting.filter((seconds) => seconds !== null);
  return known.length === waiting.length ? Math.max(...known) : null;
}

function projectedStatus(models: ModelState[], ready: boolean): InitState["status"] {
  if (ready) return models.some((model) => model.target?.error) ? "degraded" : "ready";
  const isOver = models.some((model) => model.phase === "failed" && model.retry_at === null);
  return isOver ? "error" : "initializing";
}

import type { ModelReport, ModelState } from "@greenroom/client";
import { useModelReadiness } from "@greenroom/react";
import { useEffect } from "react";
import { useModelsStatus } from "../models/useModelsStatus";

export interface KnownModel {
  report: ModelReport;
  state: ModelState;
}

/** All models of the server by name; the required ones live, the others as of the last look. */
export function useModelStates(): ReadonlyMap<string, KnownModel> {
  const [{ status }, lookSoon] = useModelsStatus();
  const { snapshot } = useModelReadiness();
  const { epoch, seq } = snapshot ?? {};
  // biome-ignore lint/correctness/useExhaustiveDependencies: each snapshot may mean that others have moved, too.
  useEffect(() => {
    if (seq !== undefined) lookSoon();
  }, [epoch, seq, lookSoon]);
  const live = new Map(epoch === status?.epoch ? snapshot?.models.map((state) => [state.name, state]) : []);
  return new Map(
    status?.models.map((report) => {
      const state = live.get(report.state.name) ?? report.state;
      return [state.name, { report, state }];
    }),
  );
}

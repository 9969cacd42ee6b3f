import type { Greenroom, ModelsStatus } from "@greenroom/client";
import { GreenroomProvider, useModelReadiness } from "@greenroom/react";
import { useEffect, useMemo } from "react";
import { Masthead } from "../Masthead";
import { ModelCard } from "./ModelCard";
import { type KnownStatus, useModelsStatus } from "./useModelsStatus";
import { bytes, duration } from "./words";

/** `follow` opens a line to the server for these models. */
export function Models({ follow }: { follow(names: readonly string[]): Greenroom }) {
  const [known, lookSoon] = useModelsStatus();
  return (
    <>
      <Masthead page="models" />
      <main className="wide">
        <h1>Models</h1>
        <p className="lead">
          What this server’s models are doing: which version serves, what it costs, and what comes next.
        </p>
        <Trouble {...known} />
        {known.status !== null && <Followed status={known.status} follow={follow} onChange={lookSoon} />}
      </main>
    </>
  );
}

const TIME = new Intl.DateTimeFormat("en", { timeStyle: "medium", hourCycle: "h23" });

/** What is known stays on the page, and says how old it is. */
function Trouble({ status, at, problem }: KnownStatus) {
  return (
    <div role="status">
      {status === null && problem === null && <p className="hint">Asking the server…</p>}
      {problem !== null && (
        <p className="notice warn">
          {problem} {status !== null && `What you see is from ${TIME.format(at)}.`} The next look comes by
          itself.
        </p>
      )}
    </div>
  );
}

interface FollowedProps {
  status: ModelsStatus;
  follow(names: readonly string[]): Greenroom;
  onChange(): void;
}

/** One line to the server for all of them; another set of models, after a restart, is another line. */
function Followed({ status, follow, onChange }: FollowedProps) {
  const key = JSON.stringify(status.models.map(({ state }) => state.name));
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says what the names are.
  const greenroom = useMemo(() => follow(JSON.parse(key)), [key]);
  if (status.models.length === 0)
    return <p className="notice">No model is configured. The operator lists them in greenroom.toml.</p>;
  return (
    <GreenroomProvider key={key} greenroom={greenroom}>
      <LiveModels status={status} onChange={onChange} />
    </GreenroomProvider>
  );
}

function LiveModels({ status, onChange }: { status: ModelsStatus; onChange(): void }) {
  const { snapshot } = useModelReadiness();
  const { epoch, seq } = snapshot ?? {};
  // biome-ignore lint/correctness/useExhaustiveDependencies: each snapshot may mean other details.
  useEffect(() => {
    if (seq !== undefined) onChange();
  }, [epoch, seq, onChange]);
  // What the socket says is newer, unless it speaks of another life of the server.
  const live = new Map(epoch === status.epoch ? snapshot?.models.map((state) => [state.name, state]) : []);
  return (
    <>
      <Summary {...status} />
      <ul className="models">
        {status.models.map((report) => (
          <li key={report.state.name}>
            <ModelCard
              report={report}
              state={live.get(report.state.name) ?? report.state}
              onChange={onChange}
            />
          </li>
        ))}
      </ul>
    </>
  );
}

function Summary({ models, max_resident, updated_every_seconds }: ModelsStatus) {
  const resident = models.filter((model) => model.resident);
  const memory = resident.reduce((sum, { memory_bytes }) => sum + (memory_bytes ?? 0), 0);
  const isFollowing = models.some(({ stage }) => stage !== null);
  return (
    <p className="summary">
      <b>
        {resident.length} of {models.length}
      </b>{" "}
      in memory{memory > 0 && `, ${bytes(memory)}`}
      <span>at most {max_resident} at a time</span>
      {isFollowing && updated_every_seconds > 0 && (
        <span>sources are looked at every {duration(updated_every_seconds)}</span>
      )}
    </p>
  );
}

import { createGreenroom } from "@greenroom/client";
import { createFakeWorld } from "@greenroom/client/testing";
import { GreenroomProvider, ModelLoadingOverlay, useWaitHint } from "@greenroom/react";
import { GERMAN } from "@greenroom/react/de";
import { extras } from "@greenroom/react/extras";
import { Modal } from "@greenroom/react/modal";
import { createRoot } from "react-dom/client";
import { SCENES } from "./scenes";
import "@greenroom/react/overlay.css";
import "./gallery.css";

/** `?scene=loading`, and at will `&theme=dark`, `&modal`, `&language=de`, `&dir=rtl`. Without a scene: all of them. */
const wanted = new URLSearchParams(location.search);
const scene = SCENES[wanted.get("scene") ?? ""];
const isGerman = wanted.get("language") === "de";
const root = createRoot(document.getElementById("root") as HTMLElement);
document.documentElement.dataset.theme = wanted.get("theme") ?? "light";
document.documentElement.dir = wanted.get("dir") ?? "ltr";
document.documentElement.lang = isGerman ? "de" : "en";

function Page() {
  const hint = useWaitHint();
  return (
    <main>
      <h1>Quotations</h1>
      <label htmlFor="text">What do you need?</label>
      <textarea id="text" rows={4} defaultValue="120 LED luminaires for our warehouse" />
      <p>
        <button type="button">Preview</button> <span>{hint}</span>
      </p>
    </main>
  );
}

function List() {
  return (
    <main>
      <h1>Overlay gallery</h1>
      <ul>
        {Object.keys(SCENES).map((name) => (
          <li key={name}>
            <a href={`?scene=${name}`}>{name}</a>
          </li>
        ))}
      </ul>
    </main>
  );
}

async function play() {
  if (scene === undefined) return root.render(<List />);
  const world = createFakeWorld();
  const greenroom = createGreenroom({ url: "http://gallery", seams: world.seams });
  root.render(
    <GreenroomProvider greenroom={greenroom} {...(isGerman ? { messages: GERMAN } : { locale: "en" })}>
      <Page />
      <ModelLoadingOverlay {...(wanted.has("modal") && { frame: Modal })}>
        {(overlay) => (
          <>
            <a href="#pairs">{isGerman ? "Beispiele ansehen" : "Browse golden pairs"}</a>
            {extras(overlay)}
          </>
        )}
      </ModelLoadingOverlay>
    </GreenroomProvider>,
  );
  await until(() => world.sockets.length > 0);
  for (const snapshot of scene.snapshots) world.socket().say(snapshot);
  await scene.now?.({ world, greenroom });
  const details = () => document.querySelector<HTMLDetailsElement>("[data-greenroom-overlay] details");
  await until(() => document.querySelector("[data-greenroom-overlay]") !== null);
  if (scene.later) {
    holdTheNote();
    world.socket().say(scene.later);
    await until(() => document.querySelector('[data-state="ready"]') !== null);
  }
  const list = details();
  if (scene.isOpen && list !== null) list.open = true;
  document.documentElement.dataset.played = "";
}

/** "Ready" would leave while it is looked at. */
function holdTheNote() {
  const { setTimeout } = window;
  const patient = (callback: () => void, milliseconds = 0, ...rest: unknown[]) =>
    milliseconds > 2_000 ? 0 : setTimeout(callback, milliseconds, ...rest);
  window.setTimeout = patient as typeof window.setTimeout;
}

async function until(isSo: () => boolean) {
  while (!isSo()) await new Promise((resolve) => requestAnimationFrame(resolve));
}

void play();

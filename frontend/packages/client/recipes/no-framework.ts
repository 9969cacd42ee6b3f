import { createGreenroom, type GreenroomOptions } from "@greenroom/client";

/** A `<progress>` and a line of text that follow the model; call what comes back to let go of both. */
export function showReadiness(
  bar: HTMLProgressElement,
  line: HTMLElement,
  options?: GreenroomOptions,
): () => void {
  const greenroom = createGreenroom(options);
  const show = () => {
    const { ready, progress, message, remaining } = greenroom.store.getView();
    bar.max = 100;
    bar.value = progress;
    bar.hidden = ready;
    line.textContent = remaining.kind === "seconds" ? `${message}, ${remaining.seconds} s left` : message;
  };
  const unsubscribe = greenroom.store.subscribe(show);
  greenroom.start();
  show();
  return () => {
    unsubscribe();
    greenroom.stop();
  };
}

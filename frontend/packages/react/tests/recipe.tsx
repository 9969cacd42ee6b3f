import { embed } from "@greenroom/client";
import { GreenroomProvider, ModelLoadingOverlay, useGreenroom, useWaitHint } from "@greenroom/react";
import { extras } from "@greenroom/react/extras";
import "@greenroom/react/overlay.css";
import { useState } from "react";

const Ask = () => {
  const greenroom = useGreenroom();
  const [said, say] = useState("");
  const ask = () =>
    embed(greenroom, { model: "minilm", input: "Hello" }, { label: "Hello" }).then(
      ({ data }) => say(`${data[0]?.embedding.length} numbers`),
      (error: Error) => say(error.message), // cancelled, for example
    );
  return (
    <p>
      <button type="button" onClick={ask}>
        Ask {useWaitHint()}
      </button>
      {said}
    </p>
  );
};

export const Page = () => (
  <GreenroomProvider>
    <Ask />
    <ModelLoadingOverlay>{extras}</ModelLoadingOverlay>
  </GreenroomProvider>
);

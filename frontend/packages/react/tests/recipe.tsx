import { GreenroomProvider, ModelLoadingOverlay, useRequestQueue, useWaitHint } from "@greenroom/react";
import { extras } from "@greenroom/react/extras";
import "@greenroom/react/overlay.css";

const Ask = () => {
  const { readyFetch } = useRequestQueue();
  const ask = () => void readyFetch("/predict", { method: "POST", body: '{"text":"Hello"}', label: "Hello" });
  return (
    <button type="button" onClick={ask}>
      Ask {useWaitHint()}
    </button>
  );
};

export const Page = () => (
  <GreenroomProvider>
    <Ask />
    <ModelLoadingOverlay>{extras}</ModelLoadingOverlay>
  </GreenroomProvider>
);

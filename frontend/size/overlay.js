// What an app pays for the card: measured in .size-limit.json, React and the client left out.
import "@greenroom/react/overlay.css";

export { GreenroomProvider, ModelLoadingOverlay } from "@greenroom/react";

import { createGreenroom, type GreenroomOptions, QueueError } from "@greenroom/client";

/** Ask once: while the model loads the request waits, and goes out by itself. */
export async function embedText(text: string, options?: GreenroomOptions): Promise<unknown> {
  const greenroom = createGreenroom(options);
  greenroom.start();
  try {
    const response = await greenroom.fetch(`${greenroom.url}/v1/embeddings`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ model: "minilm", input: text }),
      deadlineMs: 120_000,
    });
    return await response.json();
  } catch (error) {
    if (error instanceof QueueError) return { gaveUp: error.code };
    throw error;
  } finally {
    greenroom.stop();
  }
}

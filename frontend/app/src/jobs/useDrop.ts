import { type DragEvent, useState } from "react";

/** A place for one file. Of several none is taken: a person would not know which. */
export function useDrop(onFile: (file: File) => void) {
  const [isOver, setIsOver] = useState(false);
  const [isTooMany, setIsTooMany] = useState(false);
  const place = {
    onDragOver(event: DragEvent) {
      event.preventDefault();
      setIsOver(true);
    },
    onDragLeave: () => setIsOver(false),
    onDrop(event: DragEvent) {
      event.preventDefault();
      setIsOver(false);
      const [first, second] = event.dataTransfer.files;
      setIsTooMany(second !== undefined);
      if (first !== undefined && second === undefined) onFile(first);
    },
  };
  return { isOver, isTooMany, forget: () => setIsTooMany(false), place };
}

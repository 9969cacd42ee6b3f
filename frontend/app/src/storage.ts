/** The browser's storage, where there is one: private windows refuse it, full disks too, and work goes on without. */
export function readStored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function writeStored(key: string, text: string): void {
  try {
    localStorage.setItem(key, text);
  } catch {
    // Kept for this page only.
  }
}

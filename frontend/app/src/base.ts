/**
 * Where the server stands, without a slash at the end: `https://host` or `https://host/greenroom`. The page knows
 * from the server that handed it out, since a proxy may show both anywhere. Vite's own server leaves the mark as it
 * was built, relative to the page.
 */
export function serverBase(): string {
  const mark = document.querySelector<HTMLMetaElement>('meta[name="greenroom-app"]');
  const app = new URL(mark?.content ?? "./", document.baseURI);
  return new URL("..", app).href.replace(/\/$/, "");
}

/** The address of a call such as `/api/v1/golden/pairs`. */
export function serverUrl(path: string): string {
  return serverBase() + path;
}

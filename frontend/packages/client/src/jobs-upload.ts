export interface UploadProgress {
  sentBytes: number;
  totalBytes: number;
}

interface Upload {
  method: string;
  headers: Headers;
  body: XMLHttpRequestBodyInit;
  signal: AbortSignal;
}

/** As `fetch`, which tells nothing of a body under way. */
export function uploadWithProgress(
  url: string,
  { method, headers, body, signal }: Upload,
  onProgress: (progress: UploadProgress) => void,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const onAbort = () => {
      request.abort();
      reject(signal.reason);
    };
    request.open(method, url);
    for (const [name, value] of headers) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onProgress({ sentBytes: loaded, totalBytes: total });
    request.onload = () => resolve(asResponse(request));
    request.onerror = () => reject(new TypeError("The connection broke."));
    request.onloadend = () => signal.removeEventListener("abort", onAbort);
    signal.addEventListener("abort", onAbort);
    request.send(body);
  });
}

function asResponse(request: XMLHttpRequest): Response {
  const headers = new Headers();
  for (const line of request.getAllResponseHeaders().trim().split(/\r?\n/)) {
    const [name, ...value] = line.split(":");
    if (name && value.length > 0) headers.append(name, value.join(":").trim());
  }
  const { status, statusText } = request;
  return new Response(request.responseText || null, { status, statusText, headers });
}

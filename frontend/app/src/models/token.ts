const TOKEN_KEY = "greenroom.admin-token";
/** For when the browser refuses its storage. */
let heldToken: string | null = null;

/** Kept until this tab is closed, and nowhere else. */
export function keepToken(token: string): void {
  heldToken = token;
  try {
    sessionStorage.setItem(TOKEN_KEY, token);
  } catch {
    // Held by this page only.
  }
}

export function forgetToken(): void {
  heldToken = null;
  try {
    sessionStorage.removeItem(TOKEN_KEY);
  } catch {
    // It was never there.
  }
}

export function hasToken(): boolean {
  return readToken() !== null;
}

function readToken(): string | null {
  try {
    return sessionStorage.getItem(TOKEN_KEY) ?? heldToken;
  } catch {
    return heldToken;
  }
}

/** Nothing without a token: under start-local.sh none is needed, and a wrong one would be refused. */
export function authorization(): Record<string, string> {
  const token = readToken();
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

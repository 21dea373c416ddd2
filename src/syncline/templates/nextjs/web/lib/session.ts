/** The cookie with the caller's token: a JSON Web Token that the backend verifies. No script of a page can read it. */
export const TOKEN = "token";

/** `token`, unless it says itself that it has expired. Whether it is genuine is for the backend to find out. */
export function current(token: string | undefined): string | undefined {
  if (!token) return undefined;
  const expires = expiry(token);
  return expires === undefined || expires > Date.now() / 1000 ? token : undefined;
}

/** When a token ends, in seconds since the epoch; undefined if it does not say. */
export function expiry(token: string): number | undefined {
  try {
    const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const claims: unknown = JSON.parse(atob(payload));
    const { exp } = claims as { exp?: unknown };
    return typeof exp === "number" ? exp : undefined;
  } catch {
    return undefined;
  }
}

/** Where to go after signing in: a path of this site, never another one. */
export function ownPath(next: unknown): string {
  return typeof next === "string" && /^\/(?![/\\])/.test(next) ? next : "/account";
}

import { request } from "./requests.js";
import type { AuthState, Claims, ListedSession, Organization, Token } from "./types.js";

export type Loaded = Omit<AuthState, "isLoaded">;

export const NOBODY: Loaded = { session: null, user: null, organizations: [] };

/** What a token says of organisations: the active one, called by its slug. The server knows its name, and the others. */
export function organizationsOf({ o }: Claims): Organization[] {
  return o ? [{ id: o.id, slug: o.slg, name: o.slg, role: o.rol }] : [];
}

/** Where sessions are and tokens come from. All of it throws SignedOutError if nobody is signed in. */
export interface Source {
  /** Who is signed in; NOBODY for nobody. */
  load(): Promise<Loaded>;
  token(): Promise<Token>;
  signOut(): Promise<void>;
  /** Where to send the browser to sign in or up, and back to `returnTo` afterwards. */
  signInUrl(screen: "sign-in" | "sign-up", returnTo: string): Promise<string>;
}

/** The session is a cookie of the server's own site, which no script can read. */
export class CookieSource implements Source {
  constructor(private readonly url: string) {}

  async load(): Promise<Loaded> {
    return (await request(`${this.url}/auth/session`, { credentials: "include", cache: "no-store" })) as Loaded;
  }

  async token(): Promise<Token> {
    const asked = Date.now();
    const answer = (await this.post("token")) as { token: string; expires_in: number };
    // By the clock of this machine, from before the request: never later than the server thinks.
    return { value: answer.token, endsAt: asked + 1000 * answer.expires_in };
  }

  async signOut(): Promise<void> {
    await this.post("sign-out");
  }

  async setOrganization(id: string | null): Promise<void> {
    await this.post("organizations/active", { organization: id });
  }

  async listSessions(): Promise<ListedSession[]> {
    const answer = await request(`${this.url}/auth/sessions`, { credentials: "include", cache: "no-store" });
    return (answer as { sessions: ListedSession[] }).sessions;
  }

  async revokeSession(id: string): Promise<void> {
    await this.post("sessions/revoke", { session: id });
  }

  async signInUrl(screen: "sign-in" | "sign-up", returnTo: string): Promise<string> {
    return pageUrl(this.url, screen, returnTo);
  }

  private post(path: string, body: object = {}): Promise<unknown> {
    return request(`${this.url}/auth/${path}`, {
      method: "POST",
      credentials: "include",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  }
}

/** The address of a hosted page. What is on the same site is given as a path. */
export function pageUrl(url: string, page: string, returnTo: string): string {
  const here = globalThis.location?.origin;
  const target = returnTo.startsWith(`${url || here}/`) ? returnTo.slice((url || here || "").length) : returnTo;
  return `${url}/auth/${page}?redirect=${encodeURIComponent(target)}`;
}

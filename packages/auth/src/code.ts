import { decodeClaims, toBase64Url } from "./jwt.js";
import { RefusedError, request } from "./requests.js";
import { NOBODY, organizationsOf, type Loaded, type Source } from "./sources.js";
import { SignedOutError, type Session, type Token } from "./types.js";

/** Where the refresh token is kept. */
export type Keeping = "memory" | "local";

interface Exchanged {
  token: string;
  expires_in: number;
  refresh_token?: string;
  session?: Session | string;
}

interface Pending {
  state: string;
  verifier: string;
  returnTo: string;
}

const PENDING = "syncline-auth-pending";

/**
 * For pages of another site than the server's, whose cookie they cannot have: the browser goes to the server and comes
 * back with a code, which is exchanged for tokens (OAuth 2.1 with PKCE). The refresh token works once and is replaced
 * each time, so its use is locked across tabs.
 *
 * In memory it is gone after a reload, and the browser goes to the server again, which knows it by its cookie. In
 * `localStorage` it stays, readable for every script on the page.
 */
export class CodeSource implements Source {
  private refreshToken: string | null = null;
  private first: Token | null = null;
  private loaded: Loaded = NOBODY;

  constructor(
    private readonly url: string,
    private readonly keeping: Keeping,
  ) {}

  private get key(): string {
    return `syncline-auth:${this.url}`;
  }

  async load(): Promise<Loaded> {
    await this.takeCode();
    if (!this.first && !this.kept()) return NOBODY;
    try {
      this.first ??= await this.refresh();
    } catch (error) {
      if (error instanceof SignedOutError) return NOBODY;
      throw error;
    }
    return this.loaded;
  }

  async token(): Promise<Token> {
    const first = this.first;
    this.first = null;
    return first ?? (await this.refresh());
  }

  async signOut(): Promise<void> {
    const token = this.kept();
    this.keep(null);
    if (token) await this.post("revoke", { refresh_token: token }).catch(() => undefined);
  }

  async signInUrl(screen: "sign-in" | "sign-up", returnTo: string): Promise<string> {
    const pending: Pending = { state: random(), verifier: random(), returnTo };
    sessionStorage.setItem(PENDING, JSON.stringify(pending));
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier));
    const query = new URLSearchParams({
      redirect_uri: redirectUri(),
      code_challenge: toBase64Url(new Uint8Array(digest)),
      code_challenge_method: "S256",
      state: pending.state,
      screen,
    });
    return `${this.url}/auth/authorize?${query}`;
  }

  /** The page was opened with a code in its address: exchange it, and take it out of the address. */
  private async takeCode(): Promise<void> {
    const query = new URLSearchParams(location.search);
    const code = query.get("code");
    const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null") as Pending | null;
    if (!code || !pending || query.get("state") !== pending.state) return;
    sessionStorage.removeItem(PENDING);
    const returnTo = new URL(pending.returnTo, location.href);
    const target = returnTo.origin === location.origin ? returnTo.href : location.pathname;
    history.replaceState(history.state, "", target);
    if (query.get("iss") !== `${this.url}/auth`) return; // Another server's answer: none of ours.
    const asked = Date.now();
    try {
      const answer = await this.post("exchange", {
        grant_type: "authorization_code",
        code,
        code_verifier: pending.verifier,
        redirect_uri: redirectUri(),
      });
      this.first = this.take(answer as Exchanged, asked);
    } catch (error) {
      // The code is too old or was used before: nobody is signed in by it.
      if (!(error instanceof SignedOutError || error instanceof RefusedError)) throw error;
    }
  }

  private async refresh(): Promise<Token> {
    return await exclusively(this.key, async () => {
      const token = this.kept(); // Another tab may have replaced it while we waited.
      if (!token) throw new SignedOutError();
      const asked = Date.now();
      try {
        const answer = await this.post("exchange", { grant_type: "refresh_token", refresh_token: token });
        return this.take(answer as Exchanged, asked);
      } catch (error) {
        if (error instanceof SignedOutError) this.keep(null);
        throw error;
      }
    });
  }

  private take(answer: Exchanged, asked: number): Token {
    if (answer.refresh_token) this.keep(answer.refresh_token);
    const claims = decodeClaims(answer.token);
    if (claims) {
      const described = typeof answer.session === "object" ? answer.session : null;
      this.loaded = {
        session: described ?? {
          id: claims.sid,
          created_at: null,
          expires_at: null,
          auth_time: claims.auth_time ?? null,
          mfa_time: claims.mfa_time ?? null,
          organization: claims.o?.id ?? null,
          actor: claims.act?.sub ?? null,
        },
        user: {
          id: claims.sub,
          name: claims.name || null,
          image_url: claims.picture || null,
          email: claims.email || null,
          email_verified: claims.email_verified ?? false,
          public_metadata: {},
          unsafe_metadata: {},
          created_at: null,
        },
        organizations: organizationsOf(claims),
      };
    }
    return { value: answer.token, endsAt: asked + 1000 * answer.expires_in };
  }

  private kept(): string | null {
    return this.keeping === "local" ? localStorage.getItem(this.key) : this.refreshToken;
  }

  private keep(token: string | null): void {
    this.refreshToken = token;
    if (this.keeping !== "local") return;
    if (token) localStorage.setItem(this.key, token);
    else localStorage.removeItem(this.key);
  }

  private post(path: string, body: object): Promise<unknown> {
    return request(`${this.url}/auth/${path}`, {
      method: "POST",
      credentials: "omit",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  }
}

/** One tab at a time. */
export async function exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
  const locks = globalThis.navigator?.locks;
  return locks ? ((await locks.request(name, work)) as T) : await work();
}

function redirectUri(): string {
  return `${location.origin}${location.pathname}`;
}

function random(): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
}

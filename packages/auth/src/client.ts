import { CodeSource, exclusively, type Keeping } from "./code.js";
import { decodeClaims } from "./jwt.js";
import { CookieSource, NOBODY, organizationsOf, pageUrl, type Loaded, type Source } from "./sources.js";
import { SignedOutError, type AuthState, type Claims, type ListedSession, type Token } from "./types.js";

export interface AuthClientOptions {
  /** The origin of the Syncline server as the browser reaches it. Default: the page's own. */
  url?: string;
  /** `cookie` where page and server are of the same site (the default), `code` where they are not. */
  mode?: "cookie" | "code";
  /** With `mode: "code"`: where the refresh token is kept. `local` survives a reload, and any script can read it. */
  storage?: Keeping;
  /** A token that the page came with, so that it is not asked for again at first. */
  initialToken?: string | null;
}

export interface TokenOptions {
  /** Ask the server for a new token, whatever is known. */
  skipCache?: boolean;
}

/** What `connect` needs of a client of the `convex` package. */
export interface Connectable {
  setAuth(
    fetchToken: (options: { forceRefreshToken: boolean }) => Promise<string | null>,
    onChange?: (isAuthenticated: boolean) => void,
  ): void;
}

type Message = { kind: "token"; token: Token } | { kind: "signed-out" } | { kind: "changed" };

/** A token with less than this left is replaced before it is handed out. */
const SPARE_MS = 10_000;
/** A page that comes to the front renews a token with less than this left, before somebody needs it. */
const SOON_MS = 30_000;
/** A page that comes to the front asks again who is signed in, but not more often. */
const RELOAD_MS = 60_000;

const UNKNOWN: AuthState = { isLoaded: false, ...NOBODY };

/**
 * Who is signed in, and tokens that prove it. One per page; tabs of one browser tell each other of new tokens and of
 * signing out.
 */
export class AuthClient {
  readonly url: string;
  private readonly source: Source;
  private readonly listeners = new Set<() => void>();
  private readonly channel: BroadcastChannel | null;
  private readonly name: string;
  private current: AuthState = UNKNOWN;
  private token: Token | null = null;
  private refreshing: Promise<string | null> | null = null;
  private loading: Promise<void> | null = null;
  /** Signing out: open connections hear that the session has ended before we do, and ask for another token. */
  private leaving: Promise<void> | null = null;
  private loadedAt = 0;

  constructor(options: AuthClientOptions = {}) {
    this.url = (options.url ?? "").replace(/\/+$/, "");
    if (options.mode === "code") {
      if (!this.url) throw new Error('mode "code" is for pages of another site: say where the server is with `url`');
      this.source = new CodeSource(this.url, options.storage ?? "memory");
    } else {
      this.source = new CookieSource(this.url);
    }
    this.name = `syncline-auth:${this.url}`;
    this.channel = typeof window !== "undefined" && "BroadcastChannel" in window ? new BroadcastChannel(this.name) : null;
    this.channel?.addEventListener("message", (event: MessageEvent<Message>) => this.hear(event.data));
    if (options.initialToken) this.begin(options.initialToken);
    if (typeof window !== "undefined") {
      document.addEventListener("visibilitychange", this.wake);
      for (const name of ["online", "pageshow", "focus"]) window.addEventListener(name, this.wake);
      void this.load();
    }
  }

  /** Who is signed in, as far as is known. A new object after each change. */
  get state(): AuthState {
    return this.current;
  }

  /** The claims of the newest token: for showing, not for deciding. */
  get claims(): Claims | null {
    return this.token ? decodeClaims(this.token.value) : null;
  }

  /** Call `listener` after each change of `state`, until the returned function is called. */
  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Ask the server who is signed in. Resolves when it has said so. */
  load(): Promise<void> {
    return (this.loading ??= this.source
      .load()
      .then((loaded) => this.become(loaded))
      .catch((error: unknown) => console.error("[syncline] cannot find out who is signed in:", error))
      .finally(() => (this.loading = null)));
  }

  /**
   * An access token for the signed-in user; null if nobody is signed in, and only then: while the server cannot be
   * reached, this waits. With `skipCache` it is another token than the last one.
   */
  async getToken({ skipCache = false }: TokenOptions = {}): Promise<string | null> {
    await this.leaving?.catch(() => undefined);
    // For nobody there is no token: asking for one would be an error in the browser's console.
    if (!this.current.isLoaded) await this.loading;
    if (this.current.isLoaded && !this.current.session) return null;
    const known = this.token;
    if (known && !skipCache && known.endsAt - Date.now() > SPARE_MS) return known.value;
    return await (this.refreshing ??= this.refresh(known).finally(() => (this.refreshing = null)));
  }

  /**
   * Let a `ConvexClient` call as whoever is signed in, from now on: also after somebody signs in or out in another tab, and
   * for another organisation. `onChange` is told what the server has confirmed. The returned function ends it.
   */
  connect(client: Connectable, onChange?: (isAuthenticated: boolean) => void): () => void {
    let known = this.current.isLoaded ? caller(this.current) : null;
    const authenticate = () => client.setAuth(({ forceRefreshToken }) => this.getToken({ skipCache: forceRefreshToken }), onChange);
    authenticate();
    return this.subscribe(() => {
      // Who it is was not known before: the token that the client waits for says it, too.
      const isAnother = known !== null && known !== caller(this.current);
      known = caller(this.current);
      if (isAnother) authenticate();
    });
  }

  /** End the session, here and in all tabs. */
  signOut(): Promise<void> {
    return (this.leaving ??= this.leave().finally(() => (this.leaving = null)));
  }

  /** The user's sessions on all devices, newest first. Throws SignedOutError if nobody is signed in. */
  async listSessions(): Promise<ListedSession[]> {
    return await this.cookies("sessions are listed").listSessions();
  }

  /** End one of the user's sessions: that device is signed out at once. This browser's own is signed out as by `signOut`. */
  async revokeSession(id: string): Promise<void> {
    if (id === this.current.session?.id) return await this.signOut();
    await this.cookies("sessions are ended").revokeSession(id);
  }

  /** Make an organisation the active one (null: none); the next token says so. */
  async setOrganization(id: string | null): Promise<void> {
    await this.cookies("organisations are switched").setOrganization(id);
    this.token = null;
    this.tell({ kind: "changed" });
    await this.load();
  }

  /** Send the browser to the page for signing in, and back afterwards: here, unless said. */
  async redirectToSignIn(returnTo: string = location.href): Promise<void> {
    location.assign(await this.source.signInUrl("sign-in", returnTo));
  }

  /** The same for signing up. */
  async redirectToSignUp(returnTo: string = location.href): Promise<void> {
    location.assign(await this.source.signInUrl("sign-up", returnTo));
  }

  /** Ask who it is once more, before something important; the next token has a new `auth_time`. */
  redirectToReverify(returnTo: string = location.href): void {
    location.assign(this.pageUrl("reverify", returnTo));
  }

  /** The address of a hosted page: `account`, `devices`, `organizations`, ... */
  pageUrl(page: string, returnTo: string = globalThis.location?.href ?? "/"): string {
    return pageUrl(this.url, page, returnTo);
  }

  /** Stop listening: for tests and hot reloading. */
  close(): void {
    this.channel?.close();
    if (typeof window === "undefined") return;
    document.removeEventListener("visibilitychange", this.wake);
    for (const name of ["online", "pageshow", "focus"]) window.removeEventListener(name, this.wake);
  }

  // Inside

  /** What needs the cookie of the server's own site. */
  private cookies(what: string): CookieSource {
    if (this.source instanceof CookieSource) return this.source;
    throw new Error(`with mode "code" ${what} on the server's own pages: see pageUrl("devices"), pageUrl("organizations")`);
  }

  private async leave(): Promise<void> {
    await this.source.signOut().catch((error: unknown) => {
      if (!(error instanceof SignedOutError)) throw error;
    });
    this.tell({ kind: "signed-out" });
    this.become(NOBODY);
  }

  private begin(token: string): void {
    const claims = decodeClaims(token);
    if (!claims || claims.exp * 1000 < Date.now()) return;
    this.token = { value: token, endsAt: claims.exp * 1000 };
    const user = {
      id: claims.sub,
      name: claims.name || null,
      image_url: claims.picture || null,
      email: claims.email || null,
      email_verified: claims.email_verified ?? false,
      public_metadata: {},
      unsafe_metadata: {},
      created_at: null,
    };
    const session = {
      id: claims.sid,
      created_at: null,
      expires_at: null,
      auth_time: claims.auth_time ?? null,
      mfa_time: claims.mfa_time ?? null,
      organization: claims.o?.id ?? null,
      actor: claims.act?.sub ?? null,
    };
    this.current = { isLoaded: true, session, user, organizations: organizationsOf(claims) };
  }

  /** `known` is the token that is not good enough. Tabs take turns: the second one takes what the first one got. */
  private async refresh(known: Token | null): Promise<string | null> {
    try {
      return await exclusively(`${this.name}:token`, async () => {
        if (this.token && this.token !== known) return this.token.value;
        const token = await this.source.token();
        this.token = token;
        this.tell({ kind: "token", token });
        this.follow(token);
        return token.value;
      });
    } catch (error) {
      if (!(error instanceof SignedOutError)) throw error;
      this.become(NOBODY);
      return null;
    }
  }

  private become(loaded: Loaded): void {
    this.loadedAt = Date.now();
    if (this.token && whoActs(decodeClaims(this.token.value)) !== caller(loaded)) this.token = null;
    const next = { isLoaded: true, ...loaded };
    if (JSON.stringify(next) === JSON.stringify(this.current)) return;
    this.current = next;
    for (const listener of [...this.listeners]) listener();
  }

  /** A token knows of a session, an organisation or a role that we do not: ask for the rest. */
  private follow(token: Token): void {
    if (this.current.isLoaded && whoActs(decodeClaims(token.value)) !== caller(this.current)) void this.load();
  }

  private tell(message: Message): void {
    this.channel?.postMessage(message);
  }

  private hear(message: Message): void {
    if (message.kind === "signed-out") {
      this.become(NOBODY);
    } else if (message.kind === "token") {
      this.token = message.token;
      this.follow(message.token);
    } else {
      this.token = null;
      void this.load();
    }
  }

  /** Timers stand still in the background: what is over by now is renewed when somebody looks at the page again. */
  private readonly wake = (): void => {
    if (document.visibilityState !== "visible" || !this.current.isLoaded) return;
    if (Date.now() - this.loadedAt > RELOAD_MS) void this.load();
    if (this.token && this.token.endsAt - Date.now() < SOON_MS) {
      void this.getToken({ skipCache: true }).catch((error: unknown) => console.error("[syncline]", error));
    }
  };
}

/** The session, the active organisation and the role there: for another one of these there is another token. */
function caller({ session, organizations }: Loaded): string {
  const active = organizations.find((each) => each.id === session?.organization);
  return JSON.stringify([session?.id ?? null, active?.id ?? null, active?.role ?? null]);
}

/** The same, as a token says it. */
function whoActs(claims: Claims | null): string {
  return JSON.stringify([claims?.sid ?? null, claims?.o?.id ?? null, claims?.o?.rol ?? null]);
}

/** `new AuthClient(options)`. */
export function createAuthClient(options: AuthClientOptions = {}): AuthClient {
  return new AuthClient(options);
}

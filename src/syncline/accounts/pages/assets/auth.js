// @syncline/auth in one file, for pages without a bundler: made by npm run bundle in packages/auth.

// src/jwt.ts
function decodeClaims(token) {
  try {
    const payload = token.split(".")[1] ?? "";
    return JSON.parse(new TextDecoder().decode(fromBase64Url(payload)));
  } catch {
    return null;
  }
}
var ALGORITHMS = {
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }
};
var FRESH_MS = 6e5;
var PAUSE_MS = 3e4;
var LEEWAY_SECONDS = 5;
var TokenVerifier = class {
  constructor(url, options = {}) {
    this.url = url;
    this.issuer = options.issuer;
    this.audience = options.audience ?? "convex";
  }
  keys = [];
  fetchedAt = -Infinity;
  fetching = null;
  issuer;
  audience;
  /** The claims of a token that is right now; null for any other. Throws if the keys cannot be fetched. */
  async verify(token) {
    const parts = token.split(".");
    if (parts.length !== 3 || token.length > 8192) return null;
    const [head, body, signature] = parts;
    let header;
    let claims;
    let signed;
    try {
      header = JSON.parse(new TextDecoder().decode(fromBase64Url(head)));
      claims = JSON.parse(new TextDecoder().decode(fromBase64Url(body)));
      signed = fromBase64Url(signature);
    } catch {
      return null;
    }
    const algorithm = ALGORITHMS[header.alg];
    if (!algorithm || !header.kid) return null;
    const key = await this.find(header.kid);
    if (!key || !this.fits(claims)) return null;
    try {
      const imported = await crypto.subtle.importKey("jwk", key, algorithm, false, ["verify"]);
      const text = new TextEncoder().encode(`${head}.${body}`);
      return await crypto.subtle.verify(algorithm, imported, signed, text) ? claims : null;
    } catch {
      return null;
    }
  }
  fits(claims) {
    const now = Date.now() / 1e3;
    const audiences = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
    return claims.iss === this.issuer && audiences.includes(this.audience) && typeof claims.sub === "string" && typeof claims.exp === "number" && claims.exp + LEEWAY_SECONDS > now && typeof claims.iat === "number" && claims.iat - LEEWAY_SECONDS <= now;
  }
  async find(id) {
    const age = Date.now() - this.fetchedAt;
    const known = this.keys.find((key) => key.kid === id);
    if (age > FRESH_MS || !known && age > PAUSE_MS) {
      try {
        await (this.fetching ??= this.fetch().finally(() => this.fetching = null));
      } catch (error) {
        if (!known) throw error;
      }
    }
    return this.keys.find((key) => key.kid === id);
  }
  async fetch() {
    this.issuer ??= (await this.get("openid-configuration")).issuer;
    this.keys = (await this.get("jwks.json")).keys;
    this.fetchedAt = Date.now();
  }
  async get(name) {
    const response = await fetch(`${this.url}/auth/.well-known/${name}`, { cache: "no-store" });
    if (!response.ok) throw new Error(`the keys of ${this.url} cannot be fetched: status ${response.status}`);
    return await response.json();
  }
};
function toBase64Url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
function fromBase64Url(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

// src/types.ts
var SignedOutError = class extends Error {
  constructor() {
    super("nobody is signed in");
    this.name = "SignedOutError";
  }
};

// src/requests.ts
var PAUSES = [500, 1e3, 2e3, 4e3, 8e3];
async function request(url, init, tries = Infinity) {
  for (let attempt = 0; ; attempt++) {
    let pause = PAUSES[Math.min(attempt, PAUSES.length - 1)] ?? 8e3;
    let problem;
    try {
      const response = await fetch(url, init);
      if (response.ok) return await response.json();
      if (response.status === 401) throw new SignedOutError();
      const answer = await response.json().catch(() => ({}));
      problem = `${url} answered with status ${response.status}: ${answer.message ?? answer.error ?? ""}`;
      if (response.status < 500 && response.status !== 429 && response.status !== 408) throw new RefusedError(problem);
      pause = Math.max(pause, 1e3 * Number(response.headers.get("retry-after") ?? 0) || 0);
    } catch (error) {
      if (error instanceof SignedOutError || error instanceof RefusedError) throw error;
      problem = `${url} cannot be reached: ${String(error)}`;
    }
    if (attempt + 1 >= tries) throw new Error(problem);
    await wait(pause * (0.75 + Math.random() / 2));
  }
}
var RefusedError = class extends Error {
};
function wait(milliseconds) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      globalThis.removeEventListener?.("online", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    globalThis.addEventListener?.("online", done);
  });
}

// src/sources.ts
var NOBODY = { session: null, user: null, organizations: [] };
function organizationsOf({ o }) {
  return o ? [{ id: o.id, slug: o.slg, name: o.slg, role: o.rol }] : [];
}
var CookieSource = class {
  constructor(url) {
    this.url = url;
  }
  async load() {
    return await request(`${this.url}/auth/session`, { credentials: "include", cache: "no-store" });
  }
  async token() {
    const asked = Date.now();
    const answer = await this.post("token");
    return { value: answer.token, endsAt: asked + 1e3 * answer.expires_in };
  }
  async signOut() {
    await this.post("sign-out");
  }
  async setOrganization(id) {
    await this.post("organizations/active", { organization: id });
  }
  async listSessions() {
    const answer = await request(`${this.url}/auth/sessions`, { credentials: "include", cache: "no-store" });
    return answer.sessions;
  }
  async revokeSession(id) {
    await this.post("sessions/revoke", { session: id });
  }
  async signInUrl(screen, returnTo) {
    return pageUrl(this.url, screen, returnTo);
  }
  post(path, body = {}) {
    return request(`${this.url}/auth/${path}`, {
      method: "POST",
      credentials: "include",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body)
    });
  }
};
function pageUrl(url, page, returnTo) {
  const here = globalThis.location?.origin;
  const target = returnTo.startsWith(`${url || here}/`) ? returnTo.slice((url || here || "").length) : returnTo;
  return `${url}/auth/${page}?redirect=${encodeURIComponent(target)}`;
}

// src/code.ts
var PENDING = "syncline-auth-pending";
var CodeSource = class {
  constructor(url, keeping) {
    this.url = url;
    this.keeping = keeping;
  }
  refreshToken = null;
  first = null;
  loaded = NOBODY;
  get key() {
    return `syncline-auth:${this.url}`;
  }
  async load() {
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
  async token() {
    const first = this.first;
    this.first = null;
    return first ?? await this.refresh();
  }
  async signOut() {
    const token = this.kept();
    this.keep(null);
    if (token) await this.post("revoke", { refresh_token: token }).catch(() => void 0);
  }
  async signInUrl(screen, returnTo) {
    const pending = { state: random(), verifier: random(), returnTo };
    sessionStorage.setItem(PENDING, JSON.stringify(pending));
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier));
    const query = new URLSearchParams({
      redirect_uri: redirectUri(),
      code_challenge: toBase64Url(new Uint8Array(digest)),
      code_challenge_method: "S256",
      state: pending.state,
      screen
    });
    return `${this.url}/auth/authorize?${query}`;
  }
  /** The page was opened with a code in its address: exchange it, and take it out of the address. */
  async takeCode() {
    const query = new URLSearchParams(location.search);
    const code = query.get("code");
    const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null");
    if (!code || !pending || query.get("state") !== pending.state) return;
    sessionStorage.removeItem(PENDING);
    const returnTo = new URL(pending.returnTo, location.href);
    const target = returnTo.origin === location.origin ? returnTo.href : location.pathname;
    history.replaceState(history.state, "", target);
    if (query.get("iss") !== `${this.url}/auth`) return;
    const asked = Date.now();
    try {
      const answer = await this.post("exchange", {
        grant_type: "authorization_code",
        code,
        code_verifier: pending.verifier,
        redirect_uri: redirectUri()
      });
      this.first = this.take(answer, asked);
    } catch (error) {
      if (!(error instanceof SignedOutError || error instanceof RefusedError)) throw error;
    }
  }
  async refresh() {
    return await exclusively(this.key, async () => {
      const token = this.kept();
      if (!token) throw new SignedOutError();
      const asked = Date.now();
      try {
        const answer = await this.post("exchange", { grant_type: "refresh_token", refresh_token: token });
        return this.take(answer, asked);
      } catch (error) {
        if (error instanceof SignedOutError) this.keep(null);
        throw error;
      }
    });
  }
  take(answer, asked) {
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
          actor: claims.act?.sub ?? null
        },
        user: {
          id: claims.sub,
          name: claims.name || null,
          image_url: claims.picture || null,
          email: claims.email || null,
          email_verified: claims.email_verified ?? false,
          public_metadata: {},
          unsafe_metadata: {},
          created_at: null
        },
        organizations: organizationsOf(claims)
      };
    }
    return { value: answer.token, endsAt: asked + 1e3 * answer.expires_in };
  }
  kept() {
    return this.keeping === "local" ? localStorage.getItem(this.key) : this.refreshToken;
  }
  keep(token) {
    this.refreshToken = token;
    if (this.keeping !== "local") return;
    if (token) localStorage.setItem(this.key, token);
    else localStorage.removeItem(this.key);
  }
  post(path, body) {
    return request(`${this.url}/auth/${path}`, {
      method: "POST",
      credentials: "omit",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body)
    });
  }
};
async function exclusively(name, work) {
  const locks = globalThis.navigator?.locks;
  return locks ? await locks.request(name, work) : await work();
}
function redirectUri() {
  return `${location.origin}${location.pathname}`;
}
function random() {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
}

// src/client.ts
var SPARE_MS = 1e4;
var SOON_MS = 3e4;
var RELOAD_MS = 6e4;
var UNKNOWN = { isLoaded: false, ...NOBODY };
var AuthClient = class {
  url;
  source;
  listeners = /* @__PURE__ */ new Set();
  channel;
  name;
  current = UNKNOWN;
  token = null;
  refreshing = null;
  loading = null;
  /** Signing out: open connections hear that the session has ended before we do, and ask for another token. */
  leaving = null;
  loadedAt = 0;
  constructor(options = {}) {
    this.url = (options.url ?? "").replace(/\/+$/, "");
    if (options.mode === "code") {
      if (!this.url) throw new Error('mode "code" is for pages of another site: say where the server is with `url`');
      this.source = new CodeSource(this.url, options.storage ?? "memory");
    } else {
      this.source = new CookieSource(this.url);
    }
    this.name = `syncline-auth:${this.url}`;
    this.channel = typeof window !== "undefined" && "BroadcastChannel" in window ? new BroadcastChannel(this.name) : null;
    this.channel?.addEventListener("message", (event) => this.hear(event.data));
    if (options.initialToken) this.begin(options.initialToken);
    if (typeof window !== "undefined") {
      document.addEventListener("visibilitychange", this.wake);
      for (const name of ["online", "pageshow", "focus"]) window.addEventListener(name, this.wake);
      void this.load();
    }
  }
  /** Who is signed in, as far as is known. A new object after each change. */
  get state() {
    return this.current;
  }
  /** The claims of the newest token: for showing, not for deciding. */
  get claims() {
    return this.token ? decodeClaims(this.token.value) : null;
  }
  /** Call `listener` after each change of `state`, until the returned function is called. */
  subscribe = (listener) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  /** Ask the server who is signed in. Resolves when it has said so. */
  load() {
    return this.loading ??= this.source.load().then((loaded) => this.become(loaded)).catch((error) => console.error("[syncline] cannot find out who is signed in:", error)).finally(() => this.loading = null);
  }
  /**
   * An access token for the signed-in user; null if nobody is signed in, and only then: while the server cannot be
   * reached, this waits. With `skipCache` it is another token than the last one.
   */
  async getToken({ skipCache = false } = {}) {
    await this.leaving?.catch(() => void 0);
    if (!this.current.isLoaded) await this.loading;
    if (this.current.isLoaded && !this.current.session) return null;
    const known = this.token;
    if (known && !skipCache && known.endsAt - Date.now() > SPARE_MS) return known.value;
    return await (this.refreshing ??= this.refresh(known).finally(() => this.refreshing = null));
  }
  /**
   * Let a `ConvexClient` call as whoever is signed in, from now on: also after somebody signs in or out in another tab, and
   * for another organisation. `onChange` is told what the server has confirmed. The returned function ends it.
   */
  connect(client, onChange) {
    let known = this.current.isLoaded ? caller(this.current) : null;
    const authenticate = () => client.setAuth(({ forceRefreshToken }) => this.getToken({ skipCache: forceRefreshToken }), onChange);
    authenticate();
    return this.subscribe(() => {
      const isAnother = known !== null && known !== caller(this.current);
      known = caller(this.current);
      if (isAnother) authenticate();
    });
  }
  /** End the session, here and in all tabs. */
  signOut() {
    return this.leaving ??= this.leave().finally(() => this.leaving = null);
  }
  /** The user's sessions on all devices, newest first. Throws SignedOutError if nobody is signed in. */
  async listSessions() {
    return await this.cookies("sessions are listed").listSessions();
  }
  /** End one of the user's sessions: that device is signed out at once. This browser's own is signed out as by `signOut`. */
  async revokeSession(id) {
    if (id === this.current.session?.id) return await this.signOut();
    await this.cookies("sessions are ended").revokeSession(id);
  }
  /** Make an organisation the active one (null: none); the next token says so. */
  async setOrganization(id) {
    await this.cookies("organisations are switched").setOrganization(id);
    this.token = null;
    this.tell({ kind: "changed" });
    await this.load();
  }
  /** Send the browser to the page for signing in, and back afterwards: here, unless said. */
  async redirectToSignIn(returnTo = location.href) {
    location.assign(await this.source.signInUrl("sign-in", returnTo));
  }
  /** The same for signing up. */
  async redirectToSignUp(returnTo = location.href) {
    location.assign(await this.source.signInUrl("sign-up", returnTo));
  }
  /** Ask who it is once more, before something important; the next token has a new `auth_time`. */
  redirectToReverify(returnTo = location.href) {
    location.assign(this.pageUrl("reverify", returnTo));
  }
  /** The address of a hosted page: `account`, `devices`, `organizations`, ... */
  pageUrl(page, returnTo = globalThis.location?.href ?? "/") {
    return pageUrl(this.url, page, returnTo);
  }
  /** Stop listening: for tests and hot reloading. */
  close() {
    this.channel?.close();
    if (typeof window === "undefined") return;
    document.removeEventListener("visibilitychange", this.wake);
    for (const name of ["online", "pageshow", "focus"]) window.removeEventListener(name, this.wake);
  }
  // Inside
  /** What needs the cookie of the server's own site. */
  cookies(what) {
    if (this.source instanceof CookieSource) return this.source;
    throw new Error(`with mode "code" ${what} on the server's own pages: see pageUrl("devices"), pageUrl("organizations")`);
  }
  async leave() {
    await this.source.signOut().catch((error) => {
      if (!(error instanceof SignedOutError)) throw error;
    });
    this.tell({ kind: "signed-out" });
    this.become(NOBODY);
  }
  begin(token) {
    const claims = decodeClaims(token);
    if (!claims || claims.exp * 1e3 < Date.now()) return;
    this.token = { value: token, endsAt: claims.exp * 1e3 };
    const user = {
      id: claims.sub,
      name: claims.name || null,
      image_url: claims.picture || null,
      email: claims.email || null,
      email_verified: claims.email_verified ?? false,
      public_metadata: {},
      unsafe_metadata: {},
      created_at: null
    };
    const session = {
      id: claims.sid,
      created_at: null,
      expires_at: null,
      auth_time: claims.auth_time ?? null,
      mfa_time: claims.mfa_time ?? null,
      organization: claims.o?.id ?? null,
      actor: claims.act?.sub ?? null
    };
    this.current = { isLoaded: true, session, user, organizations: organizationsOf(claims) };
  }
  /** `known` is the token that is not good enough. Tabs take turns: the second one takes what the first one got. */
  async refresh(known) {
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
  become(loaded) {
    this.loadedAt = Date.now();
    if (this.token && whoActs(decodeClaims(this.token.value)) !== caller(loaded)) this.token = null;
    const next = { isLoaded: true, ...loaded };
    if (JSON.stringify(next) === JSON.stringify(this.current)) return;
    this.current = next;
    for (const listener of [...this.listeners]) listener();
  }
  /** A token knows of a session, an organisation or a role that we do not: ask for the rest. */
  follow(token) {
    if (this.current.isLoaded && whoActs(decodeClaims(token.value)) !== caller(this.current)) void this.load();
  }
  tell(message) {
    this.channel?.postMessage(message);
  }
  hear(message) {
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
  wake = () => {
    if (document.visibilityState !== "visible" || !this.current.isLoaded) return;
    if (Date.now() - this.loadedAt > RELOAD_MS) void this.load();
    if (this.token && this.token.endsAt - Date.now() < SOON_MS) {
      void this.getToken({ skipCache: true }).catch((error) => console.error("[syncline]", error));
    }
  };
};
function caller({ session, organizations }) {
  const active = organizations.find((each) => each.id === session?.organization);
  return JSON.stringify([session?.id ?? null, active?.id ?? null, active?.role ?? null]);
}
function whoActs(claims) {
  return JSON.stringify([claims?.sid ?? null, claims?.o?.id ?? null, claims?.o?.rol ?? null]);
}
function createAuthClient(options = {}) {
  return new AuthClient(options);
}
export {
  AuthClient,
  SignedOutError,
  TokenVerifier,
  createAuthClient,
  decodeClaims
};

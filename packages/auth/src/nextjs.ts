/**
 * Next.js: a middleware that keeps tokens fresh and sends strangers to the sign-in, the caller in server components,
 * server actions and route handlers, and the handlers that put the sign-in on the site's own origin.
 *
 * The middleware is there for people, not against attackers: what a caller may do the backend checks at each call.
 */
import { cookies, headers } from "next/headers";
import { redirect } from "next/navigation";
import { NextResponse, type NextRequest } from "next/server";

import { TokenVerifier } from "./jwt.js";
import type { Claims } from "./types.js";

export interface ServerOptions {
  /** Where this server reaches the Syncline server. Default: `SYNCLINE_URL`, else `NEXT_PUBLIC_CONVEX_URL`. */
  url?: string;
  /** The `iss` of its tokens. Default: `SYNCLINE_ISSUER`, else the server is asked. */
  issuer?: string;
}

/** The caller of a request. All null if nobody is signed in. */
export interface ServerAuth {
  userId: string | null;
  sessionId: string | null;
  orgId: string | null;
  orgRole: string | null;
  claims: Claims | null;
  /** For `fetchQuery(api.x, args, { token })` and its relatives. */
  token: string | null;
}

/** What a middleware's handler gets: who is calling, and `protect`. */
export interface MiddlewareAuth extends ServerAuth {
  /** Go on only if somebody is signed in: pages are sent to the sign-in and back, other requests get 401. */
  protect: () => void;
}

type Handler = (auth: MiddlewareAuth, request: NextRequest) => Response | void | Promise<Response | void>;

const SESSION_COOKIES = ["__Host-syncline_session", "syncline_session"];
const TOKEN_PATH = "/auth/token";
const TOKEN_HEADER = "x-syncline-token";
/** A token with less than this left is replaced before the page is rendered with it. */
const SPARE_SECONDS = 60;
/** Whoever opens a page gets it with a token that is no older: a role that was taken away since would fail the page. */
const FRESH_SECONDS = 60;
const NOBODY: ServerAuth = { userId: null, sessionId: null, orgId: null, orgRole: null, claims: null, token: null };

class ProtectError extends Error {}

/** Whether a request's path is one of these: exact, or with patterns such as `/notes(.*)`, or regular expressions. */
export function createRouteMatcher(
  patterns: string | RegExp | readonly (string | RegExp)[],
): (request: { nextUrl: { pathname: string } }) => boolean {
  const list = Array.isArray(patterns) ? (patterns as readonly (string | RegExp)[]) : [patterns as string | RegExp];
  const expressions = list.map((each) => (typeof each === "string" ? new RegExp(`^${each}/?$`) : each));
  return ({ nextUrl }) => {
    const path = nextUrl.pathname.replace(/\/{2,}/g, "/");
    return expressions.some((each) => each.test(path));
  };
}

/**
 * The middleware: `export default synclineMiddleware((auth, request) => { if (isPrivate(request)) auth.protect() })`
 * in `proxy.ts` (`middleware.ts` before Next.js 16).
 */
export function synclineMiddleware(
  handler: Handler = () => undefined,
  options: ServerOptions = {},
): (request: NextRequest) => Promise<Response> {
  const server = new Server(options);
  return async (request) => {
    const passed = new Headers(request.headers);
    passed.delete(TOKEN_HEADER); // Whoever sends it made it up.
    const cookie = tokenCookie(request.nextUrl.protocol === "https:");
    const foreign = isForeign(request.headers, request.nextUrl.host);
    const session = foreign ? null : sessionOf((name) => request.cookies.get(name)?.value);
    const known = session ? request.cookies.get(cookie)?.value : undefined;
    let auth = known ? await server.read(known) : NOBODY;
    let fresh: string | null | undefined;
    if (session && (secondsLeft(auth) < SPARE_SECONDS || (isOpened(request) && ageOf(auth) > FRESH_SECONDS))) {
      fresh = await server.mint(session, request.headers);
      if (fresh !== undefined) auth = fresh ? await server.read(fresh) : NOBODY;
    }
    if (auth.token) passed.set(TOKEN_HEADER, auth.token);
    let response: Response;
    try {
      // A server that cannot say who it is has not said that it is nobody: the page will find out.
      const unknown = session !== null && fresh === undefined && !auth.userId;
      const protect = () => {
        if (!auth.userId && !unknown) throw new ProtectError();
      };
      response = (await handler({ ...auth, protect }, request)) ?? NextResponse.next({ request: { headers: passed } });
    } catch (error) {
      if (!(error instanceof ProtectError)) throw error;
      response = refusal(request);
    }
    if (fresh) response.headers.append("set-cookie", cookieText(cookie, fresh, Math.floor(secondsLeft(auth))));
    else if ((fresh === null || !session) && request.cookies.has(cookie) && !foreign) {
      response.headers.append("set-cookie", cookieText(cookie, "", 0));
    }
    return response;
  };
}

/** The caller, in server components, server actions and route handlers. */
export async function auth(options: ServerOptions = {}): Promise<ServerAuth> {
  const server = new Server(options);
  const [sent, jar] = [await headers(), await cookies()];
  const session = sessionOf((name) => jar.get(name)?.value);
  if (!session || isForeign(sent, null)) return NOBODY;
  for (const token of [sent.get(TOKEN_HEADER), jar.get(tokenCookie(true))?.value, jar.get(tokenCookie(false))?.value]) {
    const found = token ? await server.read(token) : NOBODY;
    if (found.userId) return found;
  }
  const token = await server.mint(session, sent);
  return token ? await server.read(token) : NOBODY;
}

/** Sends who is not signed in to the sign-in, and comes back to `returnTo` (a path) afterwards. */
auth.protect = async (returnTo = "/", options: ServerOptions = {}): Promise<ServerAuth & { userId: string }> => {
  const found = await auth(options);
  if (!found.userId) redirect(`/auth/sign-in?redirect=${encodeURIComponent(returnTo)}`);
  return found as ServerAuth & { userId: string };
};

/** The caller's token, for `fetchQuery(api.x, args, { token: await getToken() })`; undefined if nobody is signed in. */
export async function getToken(options: ServerOptions = {}): Promise<string | undefined> {
  return (await auth(options)).token ?? undefined;
}

/**
 * Puts the sign-in on the site's own origin, so that its cookie is one of the site:
 * `export const { GET, POST } = createHandlers()` in `app/auth/[...path]/route.ts`.
 */
export function createHandlers(options: ServerOptions = {}): Record<"GET" | "POST", (request: Request) => Promise<Response>> {
  const handle = async (request: Request): Promise<Response> => {
    const { pathname, search } = new URL(request.url);
    const sent = new Headers(request.headers);
    for (const name of ["host", "connection", "content-length", "accept-encoding", TOKEN_HEADER]) sent.delete(name);
    const body = request.method === "POST" ? await request.arrayBuffer() : undefined;
    const answer = await fetch(`${urlOf(options)}${pathname}${search}`, {
      method: request.method,
      headers: sent,
      redirect: "manual",
      cache: "no-store",
      ...(body ? { body } : {}),
    });
    const received = new Headers(answer.headers);
    for (const name of ["content-encoding", "content-length", "connection", "transfer-encoding"]) received.delete(name);
    // A token for the holder of an API key is none of this browser's session.
    const isToken = pathname === TOKEN_PATH && request.method === "POST" && answer.ok && !request.headers.has("authorization");
    const text = isToken ? await answer.text() : null;
    const token = text === null ? null : (JSON.parse(text) as { token: string; expires_in: number });
    for (const cookie of tokenCookies(request, answer, token)) received.append("set-cookie", cookie);
    return new Response(text ?? answer.body, { status: answer.status, headers: received });
  };
  return { GET: handle, POST: handle };
}

// Inside

const verifiers = new Map<string, TokenVerifier>();

/** The Syncline server, as this server sees it. */
class Server {
  constructor(private readonly options: ServerOptions) {}

  async read(token: string): Promise<ServerAuth> {
    const url = urlOf(this.options);
    const issuer = this.options.issuer ?? process.env["SYNCLINE_ISSUER"];
    const key = `${url} ${issuer ?? ""}`;
    let verifier = verifiers.get(key);
    if (!verifier) verifiers.set(key, (verifier = new TokenVerifier(url, { issuer })));
    const claims = await verifier.verify(token).catch((error: unknown) => {
      console.error("[syncline] a token cannot be verified:", error);
      return null;
    });
    if (!claims) return NOBODY;
    return {
      userId: claims.sub,
      sessionId: claims.sid,
      orgId: claims.o?.id ?? null,
      orgRole: claims.o?.rol ?? null,
      claims,
      token,
    };
  }

  /** A new token for a session; null: it has ended; undefined: nobody can say now. */
  async mint(session: { name: string; value: string }, sent: { get(name: string): string | null }): Promise<string | null | undefined> {
    const forwarded = sent.get("x-forwarded-for");
    try {
      const answer = await fetch(`${urlOf(this.options)}/auth/token`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          cookie: `${session.name}=${session.value}`,
          "user-agent": sent.get("user-agent") ?? "",
          ...(forwarded ? { "x-forwarded-for": forwarded } : {}),
        },
        body: "{}",
        cache: "no-store",
      });
      if (answer.status === 401) return null;
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      return ((await answer.json()) as { token: string }).token;
    } catch (error) {
      console.error("[syncline] no token for a session:", error);
      return undefined;
    }
  }
}

function urlOf(options: ServerOptions): string {
  const url = options.url ?? process.env["SYNCLINE_URL"] ?? process.env["NEXT_PUBLIC_CONVEX_URL"];
  if (!url) throw new Error("where is the Syncline server? Set SYNCLINE_URL or NEXT_PUBLIC_CONVEX_URL.");
  return url.replace(/\/+$/, "");
}

function sessionOf(get: (name: string) => string | undefined): { name: string; value: string } | null {
  for (const name of SESSION_COOKIES) {
    const value = get(name);
    // What is sent on as a header must be nothing but a secret.
    if (value && /^[\w.~-]{16,512}$/.test(value)) return { name, value };
  }
  return null;
}

/** Whether a page of another site sent the request: its cookies do not count then. */
function isForeign(sent: { get(name: string): string | null }, host: string | null): boolean {
  const origin = sent.get("origin");
  if (origin === null) return false;
  try {
    return new URL(origin).host !== (sent.get("x-forwarded-host") ?? sent.get("host") ?? host);
  } catch {
    return true; // `null`: of a sandboxed frame, or of a form that was sent on from another site.
  }
}

function secondsLeft(auth: ServerAuth): number {
  return auth.claims ? auth.claims.exp - Date.now() / 1000 : 0;
}

function ageOf(auth: ServerAuth): number {
  return auth.claims ? Date.now() / 1000 - auth.claims.iat : 0;
}

/** Whether a browser opens a page, rather than what belongs to one: of that there may be dozens at once. */
function isOpened(request: NextRequest): boolean {
  return request.headers.get("sec-fetch-dest") === "document";
}

/**
 * What the cookie of the middleware becomes by an answer of the sign-in: the token that the page has just got, or nothing
 * after whatever may have changed who acts, and for which organisation.
 */
function tokenCookies(request: Request, answer: Response, token: { token: string; expires_in: number } | null): string[] {
  const sent = request.headers.get("cookie") ?? "";
  const there = [true, false].map(tokenCookie).filter((name) => sent.split(/; */).some((each) => each.startsWith(`${name}=`)));
  if (token) return there.map((name) => cookieText(name, token.token, token.expires_in));
  if (new URL(request.url).pathname === TOKEN_PATH) return [];
  const changes = request.method === "POST" || answer.headers.getSetCookie().some((each) => SESSION_COOKIES.includes(each.split("=")[0] ?? ""));
  return changes ? there.map((name) => cookieText(name, "", 0)) : [];
}

function tokenCookie(secure: boolean): string {
  return secure ? "__Host-syncline_token" : "syncline_token";
}

function cookieText(name: string, value: string, seconds: number): string {
  const secure = name.startsWith("__Host-") ? "; Secure" : "";
  return `${name}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}${secure}`;
}

function refusal(request: NextRequest): Response {
  const isPage = request.method === "GET" && (request.headers.get("accept") ?? "").includes("text/html");
  if (!isPage) return Response.json({ code: "unauthenticated", message: "sign in to do this" }, { status: 401 });
  const { pathname, search } = request.nextUrl;
  const target = request.nextUrl.clone();
  target.pathname = "/auth/sign-in";
  // With two slashes at its beginning a path would be the address of another site.
  target.search = `?redirect=${encodeURIComponent(pathname.replace(/^[/\\]+/, "/") + search)}`;
  return NextResponse.redirect(target);
}

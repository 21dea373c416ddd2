import assert from "node:assert/strict";
import { register } from "node:module";
import { after, before, beforeEach, test } from "node:test";

import { NextRequest } from "next/server.js";

import { AuthServer } from "./server.mjs";

// Next.js knows its own parts by names without an ending, and puts others in their place; Node wants the ending.
const resolve = (name, context, next) => next(/^next\/\w+$/.test(name) ? `${name}.js` : name, context);
register(`data:text/javascript,export const resolve = ${encodeURIComponent(resolve)}`);
const { createHandlers, createRouteMatcher, synclineMiddleware } = await import("../dist/nextjs.js");

const SITE = "http://localhost:3000";
const SECRET = "s".repeat(43);
const isPrivate = createRouteMatcher(["/notes(.*)"]);

let server;
before(async () => (server = await AuthServer.start()));
after(() => server.stop());
beforeEach(() => {
  server.failures = [];
  server.asked = [];
  server.session = { id: "sess_1", organization: null };
  server.organizations = [];
});

async function visit(path, { cookies = {}, headers = {}, method = "GET" } = {}) {
  const seen = {};
  const middleware = synclineMiddleware(
    (auth, request) => {
      seen.auth = auth;
      if (isPrivate(request)) auth.protect();
    },
    { url: server.url },
  );
  const cookie = Object.entries(cookies).map(([name, value]) => `${name}=${value}`).join("; ");
  const request = new NextRequest(`${SITE}${path}`, {
    method,
    headers: { accept: "text/html", host: "localhost:3000", ...(cookie ? { cookie } : {}), ...headers },
  });
  return { response: await middleware(request), ...seen };
}

const passedToken = (response) => response.headers.get("x-middleware-request-x-syncline-token");

test("route patterns match whole paths", () => {
  const match = (patterns, path) => createRouteMatcher(patterns)({ nextUrl: { pathname: path } });
  assert.ok(match("/notes(.*)", "/notes"));
  assert.ok(match("/notes(.*)", "/notes/1"));
  assert.ok(match("/notes(.*)", "//notes"));
  assert.ok(match(["/a", "/b"], "/b/"));
  assert.ok(match(/^\/x/, "/xyz"));
  assert.ok(!match("/notes", "/notes/1"));
  assert.ok(!match("/notes(.*)", "/my/notes"));
});

test("strangers are sent to the sign-in and back, from pages", async () => {
  const { response } = await visit("/notes/7?sort=new");
  assert.equal(response.status, 307);
  assert.equal(response.headers.get("location"), `${SITE}/auth/sign-in?redirect=%2Fnotes%2F7%3Fsort%3Dnew`);
});

test("strangers come back to a path of this site, whatever the one they asked for looks like", async () => {
  const paths = ["//evil.example/notes", "///evil.example/notes", "/\\\\evil.example/notes", "/\t/evil.example/notes", "/@evil.example/notes"];
  for (const path of paths) {
    const response = await synclineMiddleware((auth) => auth.protect(), { url: server.url })(
      new NextRequest(`${SITE}${path}`, { headers: { accept: "text/html", host: "localhost:3000" } }),
    );
    const location = new URL(response.headers.get("location"));
    assert.equal(location.origin + location.pathname, `${SITE}/auth/sign-in`);
    const back = new URL(location.searchParams.get("redirect"), SITE);
    assert.equal(back.origin, SITE, path);
  }
});

test("the handlers ask the backend and nobody else, whatever the path", async () => {
  const { GET } = createHandlers({ url: server.url });
  for (const path of ["//evil.example/auth/session", "/\\evil.example/auth/session", "/@evil.example/auth", "/auth/../../x"]) {
    await GET(new Request(`${SITE}${path}`));
    assert.equal(server.asked.at(-1).path, new URL(`${SITE}${path}`).pathname);
  }
  assert.equal(server.asked.length, 4);
});

test("other requests of strangers are refused", async () => {
  const { response } = await visit("/notes/api", { method: "POST" });
  assert.equal(response.status, 401);
  assert.equal((await response.json()).code, "unauthenticated");
});

test("open pages are open, and a made-up header is dropped", async () => {
  const { response, auth } = await visit("/", { headers: { "x-syncline-token": await server.token() } });
  assert.equal(response.status, 200);
  assert.equal(auth.userId, null);
  assert.equal(passedToken(response), null);
  assert.deepEqual(server.asked, []);
});

test("a session without a token gets one, for the page and for later", async () => {
  const { response, auth } = await visit("/notes", {
    cookies: { syncline_session: SECRET },
    headers: { "x-forwarded-for": "1.2.3.4" },
  });
  assert.equal(response.status, 200);
  assert.equal(auth.userId, "user_1");
  assert.equal(passedToken(response), auth.token);
  const [cookie] = response.headers.getSetCookie();
  assert.match(cookie, new RegExp(`^syncline_token=${auth.token.replaceAll(".", "\\.")}; Path=/; HttpOnly; SameSite=Lax; Max-Age=(299|300)$`));
  const asked = server.asked.find((each) => each.path === "/auth/token");
  assert.equal(asked.headers.cookie, `syncline_session=${SECRET}`);
  assert.equal(asked.headers["x-forwarded-for"], "1.2.3.4");
});

test("a token that has time left is used as it is, and one that has not is replaced", async () => {
  const token = await server.token();
  const { response, auth } = await visit("/notes", { cookies: { syncline_session: SECRET, syncline_token: token } });
  assert.equal(auth.token, token);
  assert.equal(server.count("/auth/token"), 0);
  assert.deepEqual(response.headers.getSetCookie(), []);
  for (const old of [await server.token({ exp: Date.now() / 1000 + 30 }), await server.token({ exp: 1 }), "nonsense"]) {
    const again = await visit("/notes", { cookies: { syncline_session: SECRET, syncline_token: old } });
    assert.equal(again.auth.userId, "user_1");
    assert.notEqual(again.auth.token, old);
  }
});

test("a token without a session counts for nothing and is cleared", async () => {
  const { response } = await visit("/notes", { cookies: { syncline_token: await server.token() } });
  assert.equal(response.status, 307);
  assert.match(response.headers.getSetCookie()[0], /^syncline_token=; .*Max-Age=0$/);
});

test("a session that has ended is nobody's", async () => {
  server.session = null;
  const token = await server.token({ exp: Date.now() / 1000 + 30 });
  const { response } = await visit("/notes", { cookies: { syncline_session: SECRET, syncline_token: token } });
  assert.equal(response.status, 307);
  assert.match(response.headers.getSetCookie()[0], /Max-Age=0/);
});

test("a backend that is away sends nobody to the sign-in", async () => {
  server.failures = [[503, {}]];
  const { response } = await visit("/notes", { cookies: { syncline_session: SECRET } });
  assert.equal(response.status, 200);
});

test("a foreign page's request is nobody's", async () => {
  const { response } = await visit("/notes", {
    method: "POST",
    cookies: { syncline_session: SECRET, syncline_token: await server.token() },
    headers: { origin: "https://evil.example.com" },
  });
  assert.equal(response.status, 401);
  assert.deepEqual(response.headers.getSetCookie(), []);
  const framed = await visit("/notes", { method: "POST", cookies: { syncline_session: SECRET }, headers: { origin: "null" } });
  assert.equal(framed.response.status, 401);
  const own = await visit("/notes", { method: "POST", cookies: { syncline_session: SECRET }, headers: { origin: SITE } });
  assert.equal(own.response.status, 200);
});

test("what is no secret is not sent on", async () => {
  const { auth } = await visit("/", { cookies: { syncline_session: "short" } });
  assert.equal(auth.userId, null);
  assert.deepEqual(server.asked, []);
});

test("the handlers pass requests on and bring answers back, cookies too", async () => {
  const { POST, GET } = createHandlers({ url: server.url });
  const headers = { "content-type": "application/json", cookie: `syncline_session=${SECRET}`, origin: SITE };
  const response = await POST(new Request(`${SITE}/auth/sign-out`, { method: "POST", headers, body: "{}" }));
  assert.equal(response.status, 200);
  assert.deepEqual(response.headers.getSetCookie(), ["syncline_session=; Max-Age=0", "other=1"]);
  const asked = server.asked.at(-1);
  assert.deepEqual([asked.method, asked.path, asked.body, asked.headers.origin], ["POST", "/auth/sign-out", "{}", SITE]);
  assert.equal((await GET(new Request(`${SITE}/auth/session?x=1`))).status, 404);
  assert.equal(server.asked.at(-1).path, "/auth/session?x=1");
});

test("a page is opened with a token of this minute, and what belongs to it with the one that is there", async () => {
  const token = await server.token({ iat: Date.now() / 1000 - 61 });
  const cookies = { syncline_session: SECRET, syncline_token: token };
  const fetched = await visit("/notes", { cookies });
  assert.equal(fetched.auth.token, token);
  const opened = await visit("/notes", { cookies, headers: { "sec-fetch-dest": "document" } });
  assert.notEqual(opened.auth.token, token);
  assert.match(opened.response.headers.getSetCookie()[0], /^syncline_token=ey/);
  server.failures = [[503, {}]];
  const away = await visit("/notes", { cookies, headers: { "sec-fetch-dest": "document" } });
  assert.equal(away.auth.token, token);
});

test("the middleware's token follows what the browser does at the sign-in", async () => {
  const { POST, GET } = createHandlers({ url: server.url });
  server.organizations = [{ id: "org_1", slug: "orchard", name: "Orchard", role: "admin" }];
  const cookie = `a=b; syncline_session=${SECRET}; syncline_token=old`;
  const ask = (path, body = {}, more = {}) =>
    POST(new Request(`${SITE}${path}`, {
      method: "POST", headers: { "content-type": "application/json", cookie, ...more }, body: JSON.stringify(body),
    }));
  const gone = "syncline_token=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0";

  assert.deepEqual((await ask("/auth/organizations/active", { organization: "org_1" })).headers.getSetCookie(), [gone]);
  const answer = await ask("/auth/token");
  const { token } = await answer.json();
  assert.deepEqual(answer.headers.getSetCookie(), [`syncline_token=${token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=300`]);
  assert.equal((await visit("/notes", { cookies: { syncline_session: SECRET, syncline_token: token } })).auth.orgRole, "admin");

  assert.deepEqual((await ask("/auth/token", {}, { authorization: "Bearer sk_x" })).headers.getSetCookie(), []);
  assert.deepEqual((await ask("/auth/token", {}, { cookie: `syncline_session=${SECRET}` })).headers.getSetCookie(), []);
  const session = await GET(new Request(`${SITE}/auth/session`, { headers: { cookie } }));
  assert.deepEqual([(await session.json()).session.organization, session.headers.getSetCookie()], ["org_1", []]);
  server.failures = [[303, {}, { "set-cookie": ["syncline_session=x; Path=/"], location: "/notes" }]];
  const back = await GET(new Request(`${SITE}/auth/oauth/acme/callback?code=1`, { headers: { cookie } }));
  assert.deepEqual(back.headers.getSetCookie(), ["syncline_session=x; Path=/", gone]);
  server.failures = [[503, {}]];
  assert.deepEqual((await ask("/auth/token")).headers.getSetCookie(), []);
  assert.equal((await ask("/auth/sign-out")).headers.getSetCookie().at(-1), gone);
});

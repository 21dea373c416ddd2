import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { createAuthClient, decodeClaims, SignedOutError, TokenVerifier } from "../dist/index.js";
import { AuthServer, makeKey, sign } from "./server.mjs";

let server;
before(async () => (server = await AuthServer.start()));
after(() => server.stop());
beforeEach(() => {
  server.failures = [];
  server.asked = [];
  server.session = { id: "sess_1", organization: null };
  server.organizations = [];
  server.seconds = 300;
});

async function loaded() {
  const client = createAuthClient({ url: `${server.url}/` });
  await client.load();
  return client;
}

test("who is signed in is known after loading", async () => {
  const client = createAuthClient({ url: server.url });
  assert.deepEqual(client.state, { isLoaded: false, session: null, user: null, organizations: [] });
  let told = 0;
  client.subscribe(() => told++);
  await client.load();
  await client.load();
  assert.equal(client.state.user.name, "Ada Lovelace");
  assert.equal(told, 1);
});

test("a token is asked for once and kept, and a forced one is another", async () => {
  const client = await loaded();
  const [first, second] = await Promise.all([client.getToken(), client.getToken()]);
  assert.equal(first, second);
  assert.equal(await client.getToken(), first);
  assert.equal(server.count("/auth/token"), 1);
  const forced = await client.getToken({ skipCache: true });
  assert.notEqual(forced, first);
  assert.equal(await client.getToken(), forced);
  assert.equal(client.claims.sub, "user_1");
});

test("a token that is about to end is replaced", async () => {
  server.seconds = 5;
  const client = await loaded();
  assert.notEqual(await client.getToken(), await client.getToken());
});

test("a server that is away for a moment signs nobody out", async () => {
  const client = await loaded();
  server.failures = [[502, {}], "hang up", [429, { message: "slower" }, { "retry-after": "0" }]];
  assert.ok(await client.getToken());
  assert.equal(server.count("/auth/token"), 4);
  assert.ok(client.state.session);
});

test("only a definite no is null, and then it stays", async () => {
  const client = await loaded();
  server.session = null;
  assert.equal(await client.getToken(), null);
  assert.equal(client.state.session, null);
  assert.equal(await client.getToken({ skipCache: true }), null);
  assert.equal(server.count("/auth/token"), 1);
});

test("a mistake of the page's author is an error and not a sign-out", async () => {
  const client = await loaded();
  server.failures = [[403, { error: "origin", message: "not from here" }]];
  await assert.rejects(client.getToken(), /403: not from here/);
  assert.ok(client.state.session);
});

test("signing out ends the session and forgets the token", async () => {
  const client = await loaded();
  await client.getToken();
  await client.signOut();
  assert.deepEqual([client.state.session, client.claims], [null, null]);
  assert.equal(server.asked.at(-1).path, "/auth/sign-out");
});

test("signing out twice is no error", async () => {
  const client = await loaded();
  server.failures = [[401, { error: "signed_out" }]];
  await client.signOut();
  assert.equal(client.state.session, null);
});

test("a page that came with a token starts signed in, and uses it", async () => {
  const initialToken = await server.token();
  const client = createAuthClient({ url: server.url, initialToken });
  assert.equal(client.state.user.id, "user_1");
  assert.equal(await client.getToken(), initialToken);
  assert.deepEqual(server.asked, []);
  const stale = createAuthClient({ url: server.url, initialToken: await server.token({ exp: 1 }) });
  assert.equal(stale.state.isLoaded, false);
});

const ORCHARD = { id: "org_1", slug: "orchard", name: "Orchard", role: "member" };

test("another active organisation means another token", async () => {
  server.organizations = [ORCHARD, { ...ORCHARD, id: "org_2", role: "admin" }];
  const client = await loaded();
  const first = await client.getToken();
  assert.equal(client.claims.o, undefined);
  for (const [id, role] of [["org_1", "member"], ["org_2", "admin"], [null, undefined]]) {
    await client.setOrganization(id);
    assert.equal(client.state.session.organization, id);
    assert.notEqual(await client.getToken(), first);
    assert.equal(client.claims.o?.rol, role);
  }
});

test("a role that was changed elsewhere is known with the next token, and the old one is not used", { timeout: 20_000 }, async () => {
  server.organizations = [ORCHARD];
  server.session.organization = "org_1";
  const client = await loaded();
  const told = [];
  client.subscribe(() => told.push(client.state.organizations[0]?.role));
  await client.getToken();
  assert.deepEqual([server.count("/auth/session"), told], [1, []]);
  server.organizations = [{ ...ORCHARD, role: "admin" }];
  // As the official client asks, when the server refuses the old one.
  await new Promise((resolve) => {
    client.subscribe(resolve);
    void client.getToken({ skipCache: true });
  });
  await client.load(); // The one that is under way has told, and is over now.
  assert.deepEqual([told, client.claims.o.rol], [["admin"], "admin"]);
  server.organizations = [];
  server.session.organization = null;
  await client.load();
  assert.equal(client.claims, null);
  await client.getToken();
  assert.deepEqual([client.claims.o, client.state.session.id], [undefined, "sess_1"]);
});

test("a client that is connected authenticates anew for another session, organisation or role", async () => {
  server.organizations = [ORCHARD];
  const client = await loaded();
  let times = 0;
  client.connect({ setAuth: () => times++ });
  await client.load();
  assert.equal(times, 1);
  await client.setOrganization("org_1");
  assert.equal(times, 2);
  server.organizations = [{ ...ORCHARD, role: "admin" }];
  await client.load();
  assert.equal(times, 3);
  server.organizations = [{ ...ORCHARD, role: "admin", name: "Orchard Ltd" }];
  await client.load();
  assert.equal(times, 3);
});

test("hosted pages are asked to come back, by a path on the same site", () => {
  const same = createAuthClient({ url: "https://app.example.com" });
  assert.equal(
    same.pageUrl("account", "https://app.example.com/notes?a=1"),
    "https://app.example.com/auth/account?redirect=%2Fnotes%3Fa%3D1",
  );
  assert.equal(
    same.pageUrl("account", "https://app.example.com.evil.com/"),
    "https://app.example.com/auth/account?redirect=https%3A%2F%2Fapp.example.com.evil.com%2F",
  );
});

test("an address to come back to never becomes the one to go to", async () => {
  const client = createAuthClient({ url: "https://app.example.com" });
  const addresses = ["//evil.example", "/\\evil.example", "https://evil.example", "https://app.example.com@evil.example", "javascript:alert(1)",
    "https://app.example.com//evil.example", "&redirect=//evil.example", "#//evil.example"];
  for (const address of addresses) {
    const url = new URL(client.pageUrl("sign-in", address));
    assert.equal(url.origin + url.pathname + url.hash, "https://app.example.com/auth/sign-in");
    assert.deepEqual([...url.searchParams.keys()], ["redirect"]);
  }
});

test("claims can be read of any text", () => {
  for (const text of ["", "a.b.c", "a", "ä.ö.ü", `a.${btoa("null")}.b`]) assert.equal(decodeClaims(text), null);
});

test("tokens are verified against the published keys", async () => {
  const verifier = new TokenVerifier(server.url);
  assert.equal((await verifier.verify(await server.token())).sub, "user_1");
  const stranger = await makeKey();
  const wrong = {
    "by a stranger": await sign(stranger, server.claims()),
    "expired": await server.token({ exp: Date.now() / 1000 - 10 }),
    "from the future": await server.token({ iat: Date.now() / 1000 + 100 }),
    "of another issuer": await server.token({ iss: "https://evil.example.com/auth" }),
    "for somebody else": await server.token({ aud: "other" }),
    "without an algorithm": await server.token({}, { alg: "none" }),
    "with a shared secret": await server.token({}, { alg: "HS256" }),
    "without a key": await server.token({}, { kid: undefined }),
    "nothing": "nothing",
    "too long": `${await server.token()}${"a".repeat(9000)}`,
  };
  for (const [name, token] of Object.entries(wrong)) assert.equal(await verifier.verify(token), null, name);
  assert.equal(server.count("/auth/.well-known/jwks.json"), 1);
});

test("unknown keys are looked up, but not without end", async () => {
  const verifier = new TokenVerifier(server.url);
  for (let number = 0; number < 20; number++) {
    assert.equal(await verifier.verify(await server.token({}, { kid: `bogus-${number}` })), null);
  }
  assert.ok(server.count("/auth/.well-known/jwks.json") <= 2);
});

test("sessions are listed and ended, and ending one's own is signing out", async () => {
  const client = await loaded();
  assert.deepEqual((await client.listSessions()).map((each) => [each.id, each.current]), [["sess_1", true], ["sess_2", false]]);
  await client.revokeSession("sess_2");
  assert.deepEqual(JSON.parse(server.asked.at(-1).body), { session: "sess_2" });
  assert.ok(client.state.session);
  await client.revokeSession("sess_1");
  assert.equal(server.asked.at(-1).path, "/auth/sign-out");
  assert.equal(client.state.session, null);
  await assert.rejects(() => client.listSessions(), SignedOutError);
});

test("without the cookie of the server's site sessions are for its own pages", async () => {
  const client = createAuthClient({ url: server.url, mode: "code" });
  await assert.rejects(() => client.listSessions(), /on the server's own pages/);
});

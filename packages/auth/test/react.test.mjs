import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createElement as h } from "react";
import { renderToStaticMarkup } from "react-dom/server";

import { createAuthClient } from "../dist/index.js";
import {
  Show, SignedIn, SignedOut, SignInButton, SynclineAuthProvider, useAuth, useOrganization, UserButton,
} from "../dist/react.js";
import { AuthServer } from "./server.mjs";

let server;
before(async () => (server = await AuthServer.start()));
after(() => server.stop());

const render = (client, ...children) => renderToStaticMarkup(h(SynclineAuthProvider, { client }, ...children));

test("nothing is shown until it is known who it is", () => {
  const client = createAuthClient({ url: server.url });
  assert.equal(render(client, h(SignedIn, null, "in"), h(SignedOut, null, "out"), h(UserButton)), "");
});

test("a page that came with a token is rendered for its user", async () => {
  const client = createAuthClient({ url: server.url, initialToken: await server.token() });
  const html = render(
    client,
    h(SignedIn, null, "in"),
    h(SignedOut, null, "out"),
    h(Show, { when: (auth) => auth.has({ role: "admin" }), fallback: "no admin" }, "admin"),
    h(UserButton),
  );
  assert.match(html, /^inno admin<div.*aria-label="Ada Lovelace".*AL<\/button><\/div>$/);
});

test("who gave no name is called by the e-mail address", async () => {
  const shown = async (claims) =>
    render(createAuthClient({ url: server.url, initialToken: await server.token(claims) }), h(UserButton));
  assert.match(await shown({ name: "" }), /aria-label="ada@example.com".*>AE<\/button>/);
  assert.match(await shown({ name: undefined }), /aria-label="ada@example.com"/);
  assert.match(await shown({ name: "", email: "" }), /aria-label="\?"/);
});

test("has tells whether who it is was proved lately", async () => {
  const now = Math.floor(Date.now() / 1000);
  const seen = async (claims, what) => {
    const client = createAuthClient({ url: server.url, initialToken: await server.token(claims) });
    return render(client, h(Show, { when: (auth) => auth.has(what) }, "yes")) === "yes";
  };
  const [fresh, old] = [{ auth_time: now - 60 }, { auth_time: now - 11 * 60 }];
  const both = { auth_time: now - 11 * 60, mfa_time: now - 60 };
  assert.deepEqual(
    [
      await seen(fresh, { reverification: "strict" }),
      await seen(old, { reverification: "strict" }),
      await seen(old, { reverification: "moderate" }),
      await seen({}, { reverification: "lax" }),
      await seen(both, { reverification: "strict" }),
      await seen(both, { reverification: "strict_mfa" }),
      await seen(both, { reverification: { level: "first_factor", afterMinutes: 10 } }),
      await seen(fresh, { role: "admin", reverification: "strict" }),
    ],
    [true, false, true, false, true, false, false, false],
  );
});

test("what is shown can depend on the role in the active organisation", async () => {
  const shown = async (claims, when) => {
    const client = createAuthClient({ url: server.url, initialToken: await server.token(claims) });
    return render(client, h(Show, { when, fallback: "no" }, "yes"));
  };
  const admin = { o: { id: "org_1", slg: "orchard", rol: "admin" } };
  const editor = { o: { ...admin.o, rol: "editor" } };
  assert.deepEqual(
    [
      await shown(admin, { role: "admin" }),
      await shown(admin, { role: "org:admin" }),
      await shown(editor, { role: "admin" }),
      await shown({}, { role: "admin" }),
      await shown(admin, { permission: "org:notes:write" }),
      await shown(admin, { role: "admin", reverification: "strict" }),
      await shown({ ...admin, auth_time: Math.floor(Date.now() / 1000) }, { role: "admin", reverification: "strict" }),
      await shown(admin, (auth) => auth.has({ permission: "org:notes:write" })),
    ],
    ["yes", "yes", "no", "no", "no", "no", "yes", "no"],
  );
  const nobody = createAuthClient({ url: server.url });
  assert.equal(render(nobody, h(Show, { when: { role: "admin" }, fallback: "no" }, "yes")), "");
});

test("the active organisation is known with the token that the page came with", async () => {
  const seen = async (claims) => {
    let found;
    const Probe = () => {
      found = [useOrganization(), useAuth()];
      return null;
    };
    render(createAuthClient({ url: server.url, initialToken: await server.token(claims) }), h(Probe));
    return found;
  };
  const [{ organization }, auth] = await seen({ o: { id: "org_1", slg: "orchard", rol: "editor" } });
  assert.deepEqual(organization, { id: "org_1", slug: "orchard", name: "orchard", role: "editor" });
  assert.deepEqual([auth.orgId, auth.orgRole, auth.orgSlug], ["org_1", "editor", "orchard"]);
  assert.deepEqual((await seen({}))[0], { isLoaded: true, organization: null });
});

test("useAuth has the shape that ConvexProviderWithClerk wants", async () => {
  const client = createAuthClient({ url: server.url, initialToken: await server.token() });
  let seen;
  const Probe = () => {
    seen = useAuth();
    return null;
  };
  render(client, h(Probe));
  assert.deepEqual(
    [seen.isLoaded, seen.isSignedIn, seen.userId, seen.sessionId, seen.orgId, seen.orgRole, seen.sessionClaims.aud],
    [true, true, "user_1", "sess_1", null, null, "convex"],
  );
  assert.equal(await seen.getToken({ template: "convex", skipCache: false }), await client.getToken());
});

test("buttons are plain buttons, or the element that is given", () => {
  const client = createAuthClient({ url: server.url });
  assert.equal(render(client, h(SignInButton)), '<button type="button">Sign in</button>');
  assert.equal(render(client, h(SignInButton, null, h("a", { className: "x" }, "Enter"))), '<a class="x">Enter</a>');
});

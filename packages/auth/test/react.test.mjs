import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createElement as h } from "react";
import { renderToStaticMarkup } from "react-dom/server";

import { createAuthClient } from "../dist/index.js";
import { Show, SignedIn, SignedOut, SignInButton, SynclineAuthProvider, useAuth, UserButton } from "../dist/react.js";
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

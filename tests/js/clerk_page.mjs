// A page as Clerk's documentation has it: its provider and its hook, and `convex/react-clerk`, none of them changed.
import { ClerkProvider, SignOutButton, useAuth, useClerk } from "@clerk/react";
import { Authenticated, AuthLoading, ConvexReactClient, Unauthenticated, useQuery } from "convex/react";
import { ConvexProviderWithClerk } from "convex/react-clerk";
import { anyApi } from "convex/server";
import { createElement as h } from "react";
import { createRoot } from "react-dom/client";

const client = new ConvexReactClient(location.origin);
const { key: publishableKey } = document.body.dataset;

const Who = () => h("p", null, useQuery(anyApi.who.am_i) ?? "...");

function SignIn({ session, children }) {
  const clerk = useClerk();
  return h("button", { onClick: () => clerk.setActive({ session }) }, children);
}

createRoot(document.body).render(
  h(ClerkProvider, { publishableKey },
    h(ConvexProviderWithClerk, { client, useAuth },
      h(AuthLoading, null, h("p", null, "loading")),
      h(Unauthenticated, null, h("p", null, "signed out")),
      h(Authenticated, null, h(Who)),
      h(SignIn, { session: "sess_ada" }, "Ada"),
      h(SignIn, { session: "sess_eve" }, "Eve"),
      h(SignOutButton, null, h("button", null, "Out")),
    ),
  ),
);

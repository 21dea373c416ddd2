"use client";

import { createAuthClient } from "@/auth";
import { ConvexProviderWithSyncline, SynclineAuthProvider, useAuth } from "@/auth/react";
import { ConvexReactClient } from "convex/react";
import { type ReactNode, useEffect, useRef, useState } from "react";

/** Who is signed in, and the live connection of all client components, which calls as them. */
export function Providers({ url, children }: { url: string; children: ReactNode }) {
  const [auth] = useState(() => createAuthClient());
  const [convex] = useState(() => new ConvexReactClient(url, { initialAuthTokenReuse: true }));
  return (
    <SynclineAuthProvider client={auth}>
      <ConvexProviderWithSyncline client={convex}>{children}</ConvexProviderWithSyncline>
      <LeaveWhenSignedOut />
    </SynclineAuthProvider>
  );
}

/** A session may end elsewhere, in another tab or on another device: the page is asked for anew, and a private one leads to the sign-in. */
function LeaveWhenSignedOut() {
  const { isSignedIn } = useAuth();
  const wasSignedIn = useRef(false);
  useEffect(() => {
    if (isSignedIn === false && wasSignedIn.current) location.reload();
    wasSignedIn.current = isSignedIn === true;
  }, [isSignedIn]);
  return null;
}

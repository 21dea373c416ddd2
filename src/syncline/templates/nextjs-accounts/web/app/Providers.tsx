"use client";

import { createAuthClient } from "@/auth";
import { ConvexProviderWithSyncline, SynclineAuthProvider } from "@/auth/react";
import { ConvexReactClient } from "convex/react";
import { type ReactNode, useState } from "react";

/** Who is signed in, and the live connection of all client components, which calls as them. */
export function Providers({ url, children }: { url: string; children: ReactNode }) {
  const [auth] = useState(() => createAuthClient());
  const [convex] = useState(() => new ConvexReactClient(url, { initialAuthTokenReuse: true }));
  return (
    <SynclineAuthProvider client={auth}>
      <ConvexProviderWithSyncline client={convex}>{children}</ConvexProviderWithSyncline>
    </SynclineAuthProvider>
  );
}

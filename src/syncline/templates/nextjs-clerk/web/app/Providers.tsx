"use client";

import { ClerkProvider, useAuth } from "@clerk/nextjs";
import { ConvexReactClient } from "convex/react";
import { ConvexProviderWithClerk } from "convex/react-clerk";
import { type ReactNode, useState } from "react";

/** Who is signed in, and the live connection of all client components, which calls as them. */
export function Providers({ url, children }: { url: string; children: ReactNode }) {
  const [convex] = useState(() => new ConvexReactClient(url, { initialAuthTokenReuse: true }));
  return (
    <ClerkProvider>
      <ConvexProviderWithClerk client={convex} useAuth={useAuth}>
        {children}
      </ConvexProviderWithClerk>
    </ClerkProvider>
  );
}

"use client";

import { ConvexProvider, ConvexReactClient } from "convex/react";
import { type ReactNode, useEffect, useState } from "react";

interface Props {
  url: string;
  signedIn: boolean;
  children: ReactNode;
}

/**
 * The live connection of all client components, with the caller's token if there is one.
 * With a provider that has React components of its own, `ConvexProviderWithClerk` (for example) goes here.
 */
export function Providers({ url, signedIn, children }: Props) {
  const [client] = useState(() => new ConvexReactClient(url));

  useEffect(() => {
    if (!signedIn) return;
    client.setAuth(fetchToken);
    return () => client.clearAuth();
  }, [client, signedIn]);

  return <ConvexProvider client={client}>{children}</ConvexProvider>;
}

async function fetchToken(): Promise<string | null> {
  const response = await fetch("/token");
  return response.ok ? ((await response.json()) as string | null) : null;
}

"use client";

import { useConvex, useConvexAuth } from "convex/react";
import { useEffect, useState } from "react";

/** Whether what is shown is current. The server has no connection, so a page begins with "Connecting". */
export function Status() {
  const client = useConvex();
  const { isAuthenticated } = useConvexAuth();
  const [connected, setConnected] = useState<"not yet" | "yes" | "lost">("not yet");

  useEffect(() => {
    const show = ({ isWebSocketConnected, hasEverConnected }: ReturnType<typeof client.connectionState>) =>
      setConnected(isWebSocketConnected ? "yes" : hasEverConnected ? "lost" : "not yet");
    show(client.connectionState());
    return client.subscribeToConnectionState(show);
  }, [client]);

  const isLive = connected === "yes" && isAuthenticated;
  return (
    <p className="status" role="status" data-live={isLive}>
      {isLive ? "Live" : connected === "lost" ? "Reconnecting" : "Connecting"}
    </p>
  );
}

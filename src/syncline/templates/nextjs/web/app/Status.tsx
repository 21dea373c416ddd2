"use client";

import { useConvex } from "convex/react";
import { useEffect, useState } from "react";

/** Whether what is shown is current. The server has no connection, so a page begins with "Connecting". */
export function Status() {
  const client = useConvex();
  const [status, setStatus] = useState("Connecting");

  useEffect(() => {
    const show = ({ isWebSocketConnected, hasEverConnected }: ReturnType<typeof client.connectionState>) =>
      setStatus(isWebSocketConnected ? "Live" : hasEverConnected ? "Reconnecting" : "Connecting");
    show(client.connectionState());
    return client.subscribeToConnectionState(show);
  }, [client]);

  return (
    <p className="status" role="status" data-live={status === "Live"}>
      {status}
    </p>
  );
}

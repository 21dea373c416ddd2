import { useConvexConnectionState } from "convex/react";

/** Whether what is shown is current. A lost connection is never hidden. */
export function Status() {
  const { isWebSocketConnected, hasEverConnected } = useConvexConnectionState();
  return (
    <p className="status" role="status" data-live={isWebSocketConnected}>
      {isWebSocketConnected ? "Live" : hasEverConnected ? "Reconnecting" : "Connecting"}
    </p>
  );
}

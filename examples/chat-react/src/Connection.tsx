import { useConvexConnectionState } from "convex/react";

export function Connection() {
  const { isWebSocketConnected, hasEverConnected } = useConvexConnectionState();
  const state = isWebSocketConnected ? "Live" : hasEverConnected ? "Reconnecting" : "Connecting";
  return (
    <p className="link" role="status" data-state={state.toLowerCase()}>
      {state}
    </p>
  );
}

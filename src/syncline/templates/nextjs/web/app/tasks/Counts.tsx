"use client";

import { useConvexAuth, useQuery } from "convex/react";
import { api } from "@/convex/_generated/api";

export function Counts() {
  const { isAuthenticated } = useConvexAuth();
  const counts = useQuery(api.tasks.counts, isAuthenticated ? {} : "skip");
  return (
    <p className="counts" aria-live="polite">
      {counts ? `${counts.open} open, ${counts.done} done` : "\u00a0"}
    </p>
  );
}

"use client";

import { useQuery } from "convex/react";
import { api } from "@/convex/_generated/api";

export function Counts() {
  const counts = useQuery(api.tasks.counts);
  return (
    <p className="counts" aria-live="polite">
      {counts && `${counts.open} open, ${counts.done} done`}
    </p>
  );
}

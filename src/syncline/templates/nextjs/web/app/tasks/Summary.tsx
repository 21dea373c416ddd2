"use client";

import { useActionState } from "react";
import { summarize } from "./actions";

export function Summary() {
  const [summary, ask, isAsking] = useActionState(summarize, "");
  return (
    <section className="card padded" aria-labelledby="summary">
      <h2 id="summary">Summary</h2>
      <p className="soft" aria-live="polite">
        {summary || "A server action asks an action of the backend, which could ask anybody else."}
      </p>
      <form action={ask}>
        <button className="strong" type="submit" disabled={isAsking}>
          Summarize
        </button>
      </form>
    </section>
  );
}

"use client";

import { useActionState } from "react";
import { signIn } from "./actions";

export function SignInForm({ next }: { next: string }) {
  const [problem, submit, isAsking] = useActionState(signIn, "");
  return (
    <form className="add flat" action={submit}>
      <input type="hidden" name="next" value={next} />
      <input type="password" name="token" aria-label="Token" placeholder="Token" autoComplete="off" required />
      <button className="strong" type="submit" disabled={isAsking}>
        Sign in
      </button>
      {problem !== "" && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </form>
  );
}

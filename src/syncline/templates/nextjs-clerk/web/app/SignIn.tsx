"use client";

import { SignInButton, SignUpButton } from "@clerk/nextjs";

export function SignIn() {
  return (
    <p className="actions">
      <SignUpButton forceRedirectUrl="/tasks">
        <button className="strong" type="button">
          Create an account
        </button>
      </SignUpButton>
      <SignInButton forceRedirectUrl="/tasks">
        <button type="button">Sign in</button>
      </SignInButton>
    </p>
  );
}

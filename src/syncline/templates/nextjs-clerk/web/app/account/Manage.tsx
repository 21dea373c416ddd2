"use client";

import { SignOutButton, UserButton } from "@clerk/nextjs";

export function Manage() {
  return (
    <div className="actions">
      <UserButton />
      <SignOutButton redirectUrl="/">
        <button type="button">Sign out</button>
      </SignOutButton>
    </div>
  );
}

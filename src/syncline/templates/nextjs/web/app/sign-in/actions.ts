"use server";

import { fetchQuery } from "convex/nextjs";
import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import { api } from "@/convex/_generated/api";
import { backendUrl } from "@/lib/backend";
import { expiry, ownPath, TOKEN } from "@/lib/session";

/** Keeps a token that the backend accepts. Returns why it does not. */
export async function signIn(_before: string, form: FormData): Promise<string> {
  const token = String(form.get("token") ?? "").trim();
  try {
    await fetchQuery(api.account.whoami, {}, { url: backendUrl(), token });
  } catch {
    return "The backend does not accept this token. It knows the issuers that `App(auth=[...])` in backend/app.py names.";
  }
  const expires = expiry(token);
  (await cookies()).set(TOKEN, token, {
    httpOnly: true,
    sameSite: "lax",
    secure: process.env.NODE_ENV === "production",
    path: "/",
    ...(expires !== undefined && { expires: new Date(expires * 1000) }),
  });
  redirect(ownPath(form.get("next")));
}

export async function signOut(): Promise<void> {
  (await cookies()).delete(TOKEN);
  redirect("/");
}

import { type NextRequest, NextResponse } from "next/server";
import { current, TOKEN } from "@/lib/session";

/**
 * Runs before the pages that `config` names (Next.js called this middleware before version 16), and sends callers without
 * a token to the sign-in page.
 *
 * It only looks for a token that has not expired. Whether the token is genuine the backend checks at each call: leaving
 * this file out would show an empty page to strangers, never data. With a provider that has a middleware of its own
 * (`clerkMiddleware`, for example), put that one here.
 */
export function proxy(request: NextRequest): NextResponse {
  if (current(request.cookies.get(TOKEN)?.value) !== undefined) return NextResponse.next();
  const signIn = new URL("/sign-in", request.url);
  signIn.searchParams.set("next", request.nextUrl.pathname + request.nextUrl.search);
  return NextResponse.redirect(signIn);
}

export const config = { matcher: ["/account/:path*"] };

import { createRouteMatcher, synclineMiddleware } from "@/auth/nextjs";
import { backendUrl } from "@/lib/backend";

const isPrivate = createRouteMatcher(["/tasks(.*)", "/account(.*)"]);

/**
 * Runs before the pages (Next.js called this middleware before version 16): keeps the caller's token fresh, and sends who is
 * not signed in from private pages to the sign-in and back.
 *
 * It is there for people, not against attackers. What a caller may do the backend decides at each call: without this file
 * strangers would see an empty page, never data.
 */
export default synclineMiddleware(
  (auth, request) => {
    if (isPrivate(request)) auth.protect();
  },
  { url: backendUrl() },
);

export const config = { matcher: ["/((?!_next/|auth/|.*\\..*).*)"] };

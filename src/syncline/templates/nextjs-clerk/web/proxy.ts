import { clerkMiddleware, createRouteMatcher } from "@clerk/nextjs/server";

const isPrivate = createRouteMatcher(["/tasks(.*)", "/account(.*)"]);

/**
 * Runs before the pages (Next.js called this middleware before version 16): keeps the caller's token fresh, and sends who is
 * not signed in from private pages to the sign-in and back.
 *
 * It is there for people, not against attackers. What a caller may do the backend decides at each call: without this file
 * strangers would see an empty page, never data.
 */
export default clerkMiddleware(
  async (auth, request) => {
    if (isPrivate(request)) await auth.protect();
  },
  // Clerk's public key, if you give it (the dashboard shows it beside the others): tokens are then checked without asking Clerk.
  () => {
    const jwtKey = process.env["CLERK_JWT_KEY"];
    return jwtKey === undefined ? {} : { jwtKey };
  },
);

export const config = { matcher: ["/((?!_next|.*\\..*).*)"] };

import { auth } from "@clerk/nextjs/server";

/** The caller's token for the backend; undefined for who is not signed in. */
export async function token(_url: string): Promise<string | undefined> {
  const { getToken, sessionClaims } = await auth();
  // With the Convex integration Clerk's session token is for the backend, too. Before that there was a template for it.
  const found = sessionClaims?.["aud"] === "convex" ? await getToken() : await getToken({ template: "convex" });
  return found ?? undefined;
}

export async function isSignedIn(_url: string): Promise<boolean> {
  return (await auth()).userId !== null;
}

import { auth, getToken } from "@/auth/nextjs";

/** The caller's token for the backend; undefined for who is not signed in. */
export const token = (url: string) => getToken({ url });

export async function isSignedIn(url: string): Promise<boolean> {
  return (await auth({ url })).userId !== null;
}

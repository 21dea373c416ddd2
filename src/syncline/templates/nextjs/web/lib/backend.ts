import { cookies } from "next/headers";
import { current, TOKEN } from "./session";

/** The address of `syncline dev` or `syncline start`. Read when the server runs: one build serves everywhere. */
export const backendUrl = () => process.env["SYNCLINE_URL"] ?? "http://127.0.0.1:3210";

interface CallOptions {
  url: string;
  token?: string;
}

/** Options for `fetchQuery`, `fetchMutation`, `fetchAction` and `preloadQuery`: where to call, and as whom. */
export async function asCaller(): Promise<CallOptions> {
  const token = current((await cookies()).get(TOKEN)?.value);
  return token === undefined ? { url: backendUrl() } : { url: backendUrl(), token };
}

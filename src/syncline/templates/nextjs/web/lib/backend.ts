import { token } from "./session";

/** The address of `syncline dev` or `syncline start`. Read when the server runs: one build serves everywhere. */
export const backendUrl = () => process.env["SYNCLINE_URL"] ?? "http://127.0.0.1:3210";

/** Options for `fetchQuery`, `fetchMutation`, `fetchAction` and `preloadQuery`: where to call, and as whom. */
export async function asCaller(): Promise<{ url: string; token?: string }> {
  const url = backendUrl();
  const caller = await token(url);
  return caller === undefined ? { url } : { url, token: caller };
}

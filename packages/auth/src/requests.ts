import { SignedOutError } from "./types.js";

/** The pauses between tries, in milliseconds; then the last one for ever. */
const PAUSES = [500, 1000, 2000, 4000, 8000];

/**
 * A request that is repeated until the server gives a definite answer. A server that restarts, a network that is away
 * or a limit that is reached say nothing about who is signed in: taken for a "no", each of them would sign people out.
 *
 * Throws SignedOutError for 401, and Error for what repeating cannot help.
 */
export async function request(url: string, init: RequestInit, tries = Infinity): Promise<unknown> {
  for (let attempt = 0; ; attempt++) {
    let pause = PAUSES[Math.min(attempt, PAUSES.length - 1)] ?? 8000;
    let problem: string;
    try {
      const response = await fetch(url, init);
      if (response.ok) return await response.json();
      if (response.status === 401) throw new SignedOutError();
      const answer = (await response.json().catch(() => ({}))) as { error?: string; message?: string };
      problem = `${url} answered with status ${response.status}: ${answer.message ?? answer.error ?? ""}`;
      if (response.status < 500 && response.status !== 429 && response.status !== 408) throw new RefusedError(problem);
      pause = Math.max(pause, 1000 * Number(response.headers.get("retry-after") ?? 0) || 0);
    } catch (error) {
      if (error instanceof SignedOutError || error instanceof RefusedError) throw error;
      problem = `${url} cannot be reached: ${String(error)}`;
    }
    if (attempt + 1 >= tries) throw new Error(problem);
    await wait(pause * (0.75 + Math.random() / 2));
  }
}

/** The server understood, and will not. */
export class RefusedError extends Error {}

/** Wait, but not longer than until the network is back. */
function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      globalThis.removeEventListener?.("online", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    globalThis.addEventListener?.("online", done);
  });
}

import { ConvexError } from "convex/values";

/** What a function refused, in words for people; or that it failed. */
export function problemIn(error: unknown): string {
  if (error instanceof ConvexError && typeof error.data === "object" && error.data !== null) {
    const { message } = error.data as { message?: unknown };
    if (typeof message === "string") return message;
  }
  return "The server could not do this.";
}

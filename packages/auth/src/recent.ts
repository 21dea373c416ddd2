import type { Session } from "./types.js";

/** Which step must have been proved, and in the last how many minutes. */
export interface Freshness {
  /** `second_factor` is the first one where there is no second, `multi_factor` both where there are two. */
  level: "first_factor" | "second_factor" | "multi_factor";
  afterMinutes: number;
}

/** What `has({ reverification })` takes: Clerk's names, or what they mean. */
export type Reverification = "strict_mfa" | "strict" | "moderate" | "lax" | Freshness;

const NAMED: Record<Exclude<Reverification, Freshness>, Freshness> = {
  strict_mfa: { level: "multi_factor", afterMinutes: 10 },
  strict: { level: "second_factor", afterMinutes: 10 },
  moderate: { level: "second_factor", afterMinutes: 60 },
  lax: { level: "second_factor", afterMinutes: 24 * 60 },
};

/** Whether the holder of the session proved lately enough, by this machine's clock, who it is. */
export function isRecent(session: Session, wanted: Reverification): boolean {
  const { level, afterMinutes } = typeof wanted === "string" ? NAMED[wanted] : wanted;
  const recent = (time: number | null) => time !== null && Date.now() / 1000 - time < afterMinutes * 60;
  const first = recent(session.auth_time);
  if (level === "first_factor" || session.mfa_time === null) return first;
  const second = recent(session.mfa_time);
  return level === "second_factor" ? second : first && second;
}

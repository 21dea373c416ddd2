// Times as people say them. All arguments are milliseconds since the epoch.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const withYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });

/** "now", "5 min" within the hour, the time of day otherwise: the day stands above the messages. */
export function sayTime(at, now) {
  const age = now - at;
  if (age < MINUTE) return "now";
  if (age < HOUR) return `${Math.floor(age / MINUTE)} min`;
  return clock.format(at);
}

export const sayClock = (at) => clock.format(at);
export const sayExactly = (at) => exact.format(at);

/** A key that is the same for all moments of one local day. */
export const dayOf = (at) => new Date(at).toDateString();

export function sayDay(at, now) {
  if (dayOf(at) === dayOf(now)) return "Today";
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1);
  if (dayOf(at) === yesterday.toDateString()) return "Yesterday";
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? weekday : withYear).format(at);
}

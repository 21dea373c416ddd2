import type { FunctionArgs, FunctionReturnType } from "convex/server";
import type { api } from "./_generated/api";
import type { Id } from "./_generated/dataModel";

type Entry = FunctionReturnType<typeof api.messages.page>["page"][number];
type SendArgs = FunctionArgs<typeof api.messages.send>;

// Until a message is stored it has no id. The page shows it under one of its own making.
const PREFIX = "sending-";
const entries = new WeakMap<SendArgs, Entry>();
let count = 0;

/**
 * A message on its way, as the list shows it. The client may play an optimistic update many times, each time with the
 * same arguments object: it must show the same entry each time.
 */
export function entryOnItsWay(args: SendArgs): Entry {
  const known = entries.get(args);
  if (known !== undefined) return known;
  count += 1;
  const entry = { id: `${PREFIX}${count}` as Id<"messages">, author: args.author, body: args.body, sent_at: Date.now() };
  entries.set(args, entry);
  return entry;
}

export const isSending = (id: string) => id.startsWith(PREFIX);

import type { Id } from "./_generated/dataModel";

// Until a message is stored it has no id. The page shows it under one of its own making.
const PREFIX = "sending-";

export const sendingId = () => `${PREFIX}${crypto.randomUUID()}` as Id<"messages">;

export const isSending = (id: string) => id.startsWith(PREFIX);

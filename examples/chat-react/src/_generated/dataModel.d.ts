import type { GenericId } from "convex/values";
export interface Documents {
  channels: { _id: Id<"channels">; _creationTime: number; messages: number; name: string };
  messages: { _id: Id<"messages">; _creationTime: number; author: Id<"people">; body: string; channel: string };
  people: { _id: Id<"people">; _creationTime: number; name: string };
}
export type TableNames = keyof Documents;
export type Id<T extends TableNames | "_storage" | "_scheduled_functions"> = GenericId<T>;
export type Doc<T extends TableNames> = Documents[T];

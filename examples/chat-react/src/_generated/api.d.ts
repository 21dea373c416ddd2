import type { FunctionReference, PaginationOptions, PaginationResult } from "convex/server";
import type { Doc, Id } from "./dataModel.js";
export declare const api: {
  channels: {
    create: FunctionReference<"mutation", "public", { name: string }, Doc<"channels">>;
    list: FunctionReference<"query", "public", Record<string, never>, Doc<"channels">[]>;
  };
  messages: {
    list: FunctionReference<"query", "public", { channel: string; limit?: number }, { author: string; body: string; id: Id<"messages">; sent_at: number }[]>;
    page: FunctionReference<"query", "public", { channel: string; paginationOpts: PaginationOptions }, PaginationResult<{ author: string; body: string; id: Id<"messages">; sent_at: number }>>;
    send: FunctionReference<"mutation", "public", { author: string; body: string; channel: string }, Id<"messages">>;
  };
};

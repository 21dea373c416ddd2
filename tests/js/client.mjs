// The official browser client, driven by lines of JSON on standard input; the first argument is the server's URL.
//   {"id": 1, "do": "subscribe", "as": "a", "path": "notes:list", "args": {}}      -> events {"as": "a", "value": ...}
//   {"id": 2, "do": "mutation" | "action" | "query", "path": ..., "args": ...}     -> {"id": 2, "value": ...}
//   {"id": 3, "do": "optimistic", "path": ..., "args": ..., "query": ..., "value": ...}  a mutation that shows `value` at once
//   {"id": 4, "do": "http", "kind": "query" | "mutation" | "action" | "consistentQuery", "path": ..., "args": ...}
//   {"id": 5, "do": "unsubscribe", "as": "a"} | {"do": "admin", "key": ..., "identity": ...} | {"do": "token", "value": ...}
//   {"id": 6, "do": "state"}                                                        -> the connection's state
// Failures answer {"id": ..., "error": message, "data": ...}. Values travel in Convex-encoded JSON.
import { createInterface } from "node:readline";
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { makeFunctionReference } from "convex/server";
import { ConvexError, convexToJson, jsonToConvex } from "convex/values";

const url = process.argv[2];
const client = new ConvexClient(url, { logger: false, unsavedChangesWarning: false });
const http = new ConvexHttpClient(url, { logger: false });
const subscriptions = new Map();

const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");
const encoded = (value) => convexToJson(value === undefined ? null : value);
const failure = (error) => ({
  error: String(error?.message ?? error),
  ...(error instanceof ConvexError ? { data: encoded(error.data) } : {}),
});

const actions = {
  subscribe({ as, path, args }) {
    const stop = client.onUpdate(
      makeFunctionReference(path),
      args,
      (value) => say({ as, value: encoded(value) }),
      (error) => say({ as, ...failure(error) }),
    );
    subscriptions.set(as, stop);
  },
  unsubscribe({ as }) {
    subscriptions.get(as)();
    subscriptions.delete(as);
  },
  query: ({ path, args }) => client.query(makeFunctionReference(path), args),
  mutation: ({ path, args }) => client.mutation(makeFunctionReference(path), args),
  action: ({ path, args }) => client.action(makeFunctionReference(path), args),
  optimistic: ({ path, args, query, queryArgs, value }) =>
    client.mutation(makeFunctionReference(path), args, {
      optimisticUpdate: (store) => store.setQuery(makeFunctionReference(query), queryArgs, jsonToConvex(value)),
    }),
  http: ({ kind, path, args }) => http[kind](makeFunctionReference(path), args),
  admin({ key, identity }) {
    client.client.setAdminAuth(key, identity);
  },
  token({ value }) {
    client.setAuth(async () => value, (isAuthenticated) => say({ as: "auth", value: isAuthenticated }));
  },
  state: () => {
    const { isWebSocketConnected, connectionCount, hasInflightRequests } = client.connectionState();
    return { isWebSocketConnected, connectionCount, hasInflightRequests };
  },
};

process.on("uncaughtException", (error) => say({ as: "uncaught", ...failure(error) }));
say({ as: "ready", value: null });
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  const { id } = command;
  const args = command.args === undefined ? {} : jsonToConvex(command.args);
  Promise.resolve()
    .then(() => actions[command.do]({ ...command, args }))
    .then((value) => say({ id, value: encoded(value) }))
    .catch((error) => say({ id, ...failure(error) }));
}
await client.close();
process.exit(0);

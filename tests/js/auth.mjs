// The official client, signed in with the tokens that it is given: `node auth.mjs URL TOKENS`, TOKENS a JSON array.
// Prints a JSON line for each thing that happens, and ends when its input does.
import { ConvexClient } from "convex/browser";

const [url, tokens] = [process.argv[2], JSON.parse(process.argv[3])];
const say = (event) => console.log(JSON.stringify(event));
const client = new ConvexClient(url, { webSocketConstructor: WebSocket, authRefreshTokenLeewaySeconds: 1 });

client.setAuth(
  async ({ forceRefreshToken }) => {
    const token = tokens.shift() ?? null;
    say({ fetched: forceRefreshToken, left: tokens.length });
    return token;
  },
  (isAuthenticated) => say({ authenticated: isAuthenticated }),
);
client.onUpdate("open:whoami", {}, (value) => say({ value }), (error) => say({ error: String(error) }));
process.stdin.on("end", () => client.close().then(() => process.exit(0)));
process.stdin.resume();

// Verifies tokens with Clerk's own backend package: {token, key, options} per line in, {subject} or {error} out.
import { createInterface } from "node:readline";
import { verifyToken } from "@clerk/backend";

for await (const line of createInterface({ input: process.stdin })) {
  const { token, key, options } = JSON.parse(line);
  try {
    const claims = await verifyToken(token, { jwtKey: key, ...options });
    console.log(JSON.stringify({ subject: claims.sub }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.reason ?? String(error) }));
  }
}

// A server that answers as the sign-in of Syncline does, and can be told to fail.
import { createServer } from "node:http";
import { webcrypto } from "node:crypto";

const text = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

export async function makeKey(kid = "k1") {
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
  const pair = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const jwk = { ...(await webcrypto.subtle.exportKey("jwk", pair.publicKey)), kid, alg: "RS256", use: "sig" };
  return { kid, jwk, privateKey: pair.privateKey };
}

export async function sign(key, claims, header = {}) {
  const signed = `${text({ alg: "RS256", kid: key.kid, typ: "JWT", ...header })}.${text(claims)}`;
  const signature = await webcrypto.subtle.sign("RSASSA-PKCS1-v1_5", key.privateKey, Buffer.from(signed));
  return `${signed}.${Buffer.from(signature).toString("base64url")}`;
}

export class AuthServer {
  /** Answers that come first: `[status, body, headers]` each. */
  failures = [];
  asked = [];
  session = { id: "sess_1", organization: null };
  organizations = [];
  seconds = 300;
  made = 0;

  static async start() {
    const server = new AuthServer();
    server.key = await makeKey();
    server.keys = [server.key.jwk];
    server.http = createServer((request, response) => {
      server.answer(request, response).catch((error) => response.destroy(error));
    });
    await new Promise((resolve) => server.http.listen(0, "127.0.0.1", resolve));
    server.url = `http://127.0.0.1:${server.http.address().port}`;
    return server;
  }

  async stop() {
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }

  claims(changes = {}) {
    const now = Math.floor(Date.now() / 1000);
    return {
      iss: `${this.url}/auth`, aud: "convex", sub: "user_1", sid: "sess_1", iat: now, nbf: now, exp: now + this.seconds,
      jti: String(++this.made), name: "Ada Lovelace", email: "ada@example.com", ...changes,
    };
  }

  /** What tokens say of the active organisation. */
  active() {
    const found = this.organizations.find((each) => each.id === this.session.organization);
    return found ? { o: { id: found.id, slg: found.slug, rol: found.role } } : {};
  }

  token(changes, header) {
    return sign(this.key, this.claims(changes), header);
  }

  count(path) {
    return this.asked.filter((each) => each.path === path).length;
  }

  async answer(request, response) {
    const path = request.url;
    let body = "";
    for await (const part of request) body += part;
    this.asked.push({ method: request.method, path, headers: request.headers, body });
    const say = (status, value, headers = {}) => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify(value));
    };
    if (path.includes("openid-configuration")) return say(200, { issuer: `${this.url}/auth` });
    if (path.includes("jwks.json")) return say(200, { keys: this.keys });
    const failure = this.failures.shift();
    if (failure === "hang up") return request.socket.destroy();
    if (failure) return say(...failure);
    if (path === "/auth/session") {
      const user = this.session && { id: "user_1", name: "Ada Lovelace", email: "ada@example.com", email_verified: true };
      return say(200, { session: this.session, user, organizations: this.organizations });
    }
    if (path === "/auth/token") {
      if (!this.session) return say(401, { error: "signed_out" });
      return say(200, { token: await this.token(this.active()), expires_in: this.seconds });
    }
    if (path === "/auth/sessions") {
      const sessions = [{ id: "sess_1", current: true }, { id: "sess_2", current: false }];
      return this.session ? say(200, { sessions }) : say(401, { error: "signed_out" });
    }
    if (path === "/auth/sessions/revoke") return this.session ? say(200, {}) : say(401, { error: "signed_out" });
    if (path === "/auth/organizations/active") {
      this.session.organization = JSON.parse(body).organization;
      return say(200, {});
    }
    if (path === "/auth/sign-out") {
      this.session = null;
      return say(200, {}, { "set-cookie": ["syncline_session=; Max-Age=0", "other=1"] });
    }
    return say(404, { error: "not_found" });
  }
}

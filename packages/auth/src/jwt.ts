import type { Claims } from "./types.js";

/** The claims of a token, unverified: for showing a name, never for deciding anything. Null if it is no token. */
export function decodeClaims(token: string): Claims | null {
  try {
    const payload = token.split(".")[1] ?? "";
    return JSON.parse(new TextDecoder().decode(fromBase64Url(payload))) as Claims;
  } catch {
    return null;
  }
}

interface PublicKey extends JsonWebKey {
  kid?: string;
}

/** Algorithms that the built-in issuer signs with. */
const ALGORITHMS = {
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
} as const;

const FRESH_MS = 600_000;
const PAUSE_MS = 30_000;
const LEEWAY_SECONDS = 5;

/**
 * Verifies access tokens against the keys that a server publishes, for servers of frontends; the keys are kept for ten
 * minutes. `url` is where the server is reached; `issuer`, the `iss` of its tokens, is asked for unless it is given.
 */
export class TokenVerifier {
  private keys: PublicKey[] = [];
  private fetchedAt = -Infinity;
  private fetching: Promise<void> | null = null;
  private issuer: string | undefined;
  private readonly audience: string;

  constructor(
    private readonly url: string,
    options: { issuer?: string | undefined; audience?: string } = {},
  ) {
    this.issuer = options.issuer;
    this.audience = options.audience ?? "convex";
  }

  /** The claims of a token that is right now; null for any other. Throws if the keys cannot be fetched. */
  async verify(token: string): Promise<Claims | null> {
    const parts = token.split(".");
    if (parts.length !== 3 || token.length > 8192) return null;
    const [head, body, signature] = parts as [string, string, string];
    let header: { alg?: string; kid?: string };
    let claims: Claims;
    let signed: Uint8Array<ArrayBuffer>;
    try {
      header = JSON.parse(new TextDecoder().decode(fromBase64Url(head)));
      claims = JSON.parse(new TextDecoder().decode(fromBase64Url(body)));
      signed = fromBase64Url(signature);
    } catch {
      return null;
    }
    const algorithm = ALGORITHMS[header.alg as keyof typeof ALGORITHMS];
    if (!algorithm || !header.kid) return null;
    const key = await this.find(header.kid);
    if (!key || !this.fits(claims)) return null;
    try {
      const imported = await crypto.subtle.importKey("jwk", key, algorithm, false, ["verify"]);
      const text = new TextEncoder().encode(`${head}.${body}`);
      return (await crypto.subtle.verify(algorithm, imported, signed, text)) ? claims : null;
    } catch {
      return null;
    }
  }

  private fits(claims: Claims): boolean {
    const now = Date.now() / 1000;
    const audiences = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
    return (
      claims.iss === this.issuer &&
      audiences.includes(this.audience) &&
      typeof claims.sub === "string" &&
      typeof claims.exp === "number" &&
      claims.exp + LEEWAY_SECONDS > now &&
      typeof claims.iat === "number" &&
      claims.iat - LEEWAY_SECONDS <= now
    );
  }

  private async find(id: string): Promise<PublicKey | undefined> {
    const age = Date.now() - this.fetchedAt;
    const known = this.keys.find((key) => key.kid === id);
    if (age > FRESH_MS || (!known && age > PAUSE_MS)) {
      try {
        await (this.fetching ??= this.fetch().finally(() => (this.fetching = null)));
      } catch (error) {
        if (!known) throw error; // The last good ones outlast a server that is away for a moment.
      }
    }
    return this.keys.find((key) => key.kid === id);
  }

  private async fetch(): Promise<void> {
    this.issuer ??= (await this.get<{ issuer: string }>("openid-configuration")).issuer;
    this.keys = (await this.get<{ keys: PublicKey[] }>("jwks.json")).keys;
    this.fetchedAt = Date.now();
  }

  private async get<T>(name: string): Promise<T> {
    const response = await fetch(`${this.url}/auth/.well-known/${name}`, { cache: "no-store" });
    if (!response.ok) throw new Error(`the keys of ${this.url} cannot be fetched: status ${response.status}`);
    return (await response.json()) as T;
  }
}

export function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

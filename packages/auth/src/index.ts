export { AuthClient, createAuthClient, type AuthClientOptions, type TokenOptions } from "./client.js";
export { decodeClaims, TokenVerifier } from "./jwt.js";
export { type Freshness, type Reverification } from "./recent.js";
export { SignedOutError, type AuthState, type Claims, type ListedSession, type Organization, type Session, type User } from "./types.js";

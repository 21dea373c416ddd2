/** A user as the server describes him. Times are milliseconds since the epoch. */
export interface User {
  id: string;
  name: string | null;
  image_url: string | null;
  email: string | null;
  email_verified: boolean;
  public_metadata: Record<string, unknown>;
  unsafe_metadata: Record<string, unknown>;
  created_at: number | null;
  [more: string]: unknown;
}

/** The session of this browser. `auth_time` and `mfa_time` are in seconds, `*_at` in milliseconds since the epoch. */
export interface Session {
  id: string;
  created_at: number | null;
  expires_at: number | null;
  auth_time: number | null;
  mfa_time: number | null;
  organization: string | null;
  actor: string | null;
}

/** One of the signed-in user's sessions, wherever it is. Times are milliseconds since the epoch. */
export interface ListedSession {
  id: string;
  /** What people call the device: `Firefox, Linux`, or what a program calls itself. */
  device: string;
  /** The network address that it began at. */
  address: string | null;
  created_at: number;
  last_seen_at: number;
  expires_at: number;
  /** The administrator who acts as the user in it. */
  actor: string | null;
  /** Whether it is this browser's. */
  current: boolean;
}

export interface Organization {
  id: string;
  slug: string;
  name: string;
  role: string;
}

/** Who is signed in. `isLoaded` is false until the server has said so; then `session` is null for nobody. */
export interface AuthState {
  isLoaded: boolean;
  session: Session | null;
  user: User | null;
  organizations: Organization[];
}

/** The claims of an access token. */
export interface Claims {
  iss: string;
  sub: string;
  aud: string | string[];
  sid: string;
  iat: number;
  exp: number;
  email?: string;
  email_verified?: boolean;
  name?: string;
  picture?: string;
  auth_time?: number;
  mfa_time?: number;
  /** Minutes since the first and since the second step when the token was made; -1: never. */
  fva?: [number, number];
  o?: { id: string; slg: string; rol: string };
  act?: { sub: string };
  [more: string]: unknown;
}

/** A token, and when it ends by this machine's clock (milliseconds since the epoch). */
export interface Token {
  value: string;
  endsAt: number;
}

/** What the server says when somebody cannot be signed in by it: nobody is, and asking again does not help. */
export class SignedOutError extends Error {
  constructor() {
    super("nobody is signed in");
    this.name = "SignedOutError";
  }
}

"use client";

import { ConvexProviderWithAuth, type ConvexReactClient } from "convex/react";
import {
  cloneElement,
  createContext,
  isValidElement,
  useCallback,
  useContext,
  useEffect,
  useId,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
  type ReactElement,
  type ReactNode,
} from "react";

import { AuthClient, type AuthClientOptions } from "./client.js";
import { isRecent, type Reverification } from "./recent.js";
import type { AuthState, Claims, Organization, Session, User } from "./types.js";

const Context = createContext<AuthClient | null>(null);

const SERVER_STATE: AuthState = { isLoaded: false, session: null, user: null, organizations: [] };

/** Makes who is signed in known to everything inside. Give it a `client`, or what a client is made of. */
export function SynclineAuthProvider({
  client,
  children,
  ...options
}: AuthClientOptions & { client?: AuthClient; children: ReactNode }): ReactElement {
  const [own] = useState(() => client ?? new AuthClient(options));
  return <Context.Provider value={client ?? own}>{children}</Context.Provider>;
}

/** The client of the provider around. */
export function useAuthClient(): AuthClient {
  const client = useContext(Context);
  if (!client) throw new Error("this must be inside <SynclineAuthProvider>");
  return client;
}

function useAuthState(): AuthState {
  const client = useAuthClient();
  const snapshot = () => client.state;
  // On the server, and when the page comes to life, what the page came with; else unknown.
  const [initial] = useState(() => (client.claims ? client.state : SERVER_STATE));
  return useSyncExternalStore(client.subscribe, snapshot, () => initial);
}

/** What `useAuth` gives. Its shape is that of Clerk's, so that `ConvexProviderWithClerk` takes it too. */
export interface Auth {
  isLoaded: boolean;
  isSignedIn: boolean | undefined;
  userId: string | null | undefined;
  sessionId: string | null | undefined;
  orgId: string | null | undefined;
  orgRole: string | null | undefined;
  orgSlug: string | null | undefined;
  sessionClaims: Claims | { aud: "convex" } | null | undefined;
  getToken: (options?: { skipCache?: boolean; template?: string }) => Promise<string | null>;
  signOut: () => Promise<void>;
  /** Whether all of this is so. For showing: what a caller may do the backend decides. */
  has: (what: Wanted) => boolean;
}

/** What `has` and `<Show when>` ask. Anything else that other packages know, such as permissions, nobody here has. */
export interface Wanted {
  /** The role in the active organisation: `admin`, or as Clerk writes it `org:admin`. */
  role?: string;
  /** Who it is was proved as lately as this. The backend asks by `ctx.auth.require_recent()`. */
  reverification?: Reverification;
}

const CAN_BE_ASKED = new Set(["role", "reverification"]);

function holds(what: Wanted, session: Session | null, organization: Organization | undefined): boolean {
  const { role, reverification } = what;
  return (
    session !== null &&
    Object.keys(what).every((each) => CAN_BE_ASKED.has(each)) &&
    (role === undefined || (organization !== undefined && organization.role === role.replace(/^org:/, ""))) &&
    (reverification === undefined || isRecent(session, reverification))
  );
}

/** Who is signed in, and tokens. All but `isLoaded` and the functions is undefined until it is known. */
export function useAuth(): Auth {
  const client = useAuthClient();
  const { isLoaded, session, user, organizations } = useAuthState();
  const getToken = useCallback(
    (options?: { skipCache?: boolean; template?: string }) => client.getToken({ skipCache: options?.skipCache ?? false }),
    [client],
  );
  const signOut = useCallback(() => client.signOut(), [client]);
  return useMemo(() => {
    const organization = organizations.find((each) => each.id === session?.organization);
    const known = <T,>(value: T | null | undefined) => (isLoaded ? (value ?? null) : undefined);
    return {
      isLoaded,
      isSignedIn: isLoaded ? session !== null : undefined,
      userId: known(user?.id),
      sessionId: known(session?.id),
      orgId: known(session?.organization),
      orgRole: known(organization?.role),
      orgSlug: known(organization?.slug),
      sessionClaims: known(session && (client.claims ?? { aud: "convex" as const })),
      getToken,
      signOut,
      has: (what: Wanted) => holds(what, session, organization),
    };
  }, [isLoaded, session, user, organizations, client, getToken, signOut]);
}

/** The signed-in user. */
export function useUser(): { isLoaded: boolean; isSignedIn: boolean | undefined; user: User | null | undefined } {
  const { isLoaded, user } = useAuthState();
  return { isLoaded, isSignedIn: isLoaded ? user !== null : undefined, user: isLoaded ? user : undefined };
}

/** The session of this browser. */
export function useSession(): { isLoaded: boolean; session: Session | null | undefined } {
  const { isLoaded, session } = useAuthState();
  return { isLoaded, session: isLoaded ? session : undefined };
}

/** The active organisation, with the user's role in it; null without one. */
export function useOrganization(): { isLoaded: boolean; organization: Organization | null | undefined } {
  const { isLoaded, session, organizations } = useAuthState();
  const active = organizations.find((each) => each.id === session?.organization) ?? null;
  return { isLoaded, organization: isLoaded ? active : undefined };
}

/** The user's organisations, the active one, and how to change it. */
export function useOrganizations(): {
  organizations: Organization[];
  active: Organization | null;
  setActive: (id: string | null) => Promise<void>;
} {
  const client = useAuthClient();
  const { session, organizations } = useAuthState();
  const setActive = useCallback((id: string | null) => client.setOrganization(id), [client]);
  return { organizations, active: organizations.find((each) => each.id === session?.organization) ?? null, setActive };
}

/** For the `useAuth` of `ConvexProviderWithAuth`. */
export function useConvexAuthFromSyncline(): {
  isLoading: boolean;
  isAuthenticated: boolean;
  fetchAccessToken: (options: { forceRefreshToken: boolean }) => Promise<string | null>;
} {
  const client = useAuthClient();
  const { isLoaded, session, organizations } = useAuthState();
  const role = organizations.find((each) => each.id === session?.organization)?.role;
  // Another function means "authenticate anew" to the provider: it changes with the session, the organisation and the role
  // in it only.
  const fetchAccessToken = useCallback(
    async ({ forceRefreshToken }: { forceRefreshToken: boolean }) => {
      try {
        return await client.getToken({ skipCache: forceRefreshToken });
      } catch (error) {
        console.error("[syncline] no token:", error);
        return null;
      }
    },
    // eslint-disable-next-line react-hooks/exhaustive-deps -- what tokens differ by is meant
    [client, session?.id, session?.organization, role],
  );
  return useMemo(
    () => ({ isLoading: !isLoaded, isAuthenticated: session !== null, fetchAccessToken }),
    [isLoaded, session, fetchAccessToken],
  );
}

/** `ConvexProviderWithAuth` with the sign-in of Syncline. Inside a `SynclineAuthProvider`. */
export function ConvexProviderWithSyncline({
  client,
  children,
}: {
  client: ConvexReactClient;
  children?: ReactNode;
}): ReactElement {
  return (
    <ConvexProviderWithAuth client={client} useAuth={useConvexAuthFromSyncline}>
      {children}
    </ConvexProviderWithAuth>
  );
}

type When = "signed-in" | "signed-out" | Wanted | ((auth: Auth) => boolean);

/** Shows its children to those whom `when` means, and `fallback` to others; nothing until it is known who it is. */
export function Show({
  when,
  fallback = null,
  children,
}: {
  when: When;
  fallback?: ReactNode;
  children?: ReactNode;
}): ReactElement | null {
  const auth = useAuth();
  if (!auth.isLoaded) return null;
  return <>{isMeant(when, auth) ? children : fallback}</>;
}

function isMeant(when: When, auth: Auth): boolean {
  if (typeof when === "function") return auth.isSignedIn === true && when(auth);
  if (typeof when === "object") return auth.has(when);
  return auth.isSignedIn === (when === "signed-in");
}

export function SignedIn({ children }: { children?: ReactNode }): ReactElement | null {
  return <Show when="signed-in">{children}</Show>;
}

export function SignedOut({ children }: { children?: ReactNode }): ReactElement | null {
  return <Show when="signed-out">{children}</Show>;
}

/** Sends the browser to the sign-in as soon as it is rendered. */
export function RedirectToSignIn({ returnTo }: { returnTo?: string }): null {
  const client = useAuthClient();
  useEffect(() => void client.redirectToSignIn(returnTo), [client, returnTo]);
  return null;
}

interface ButtonProps {
  /** One element that is clicked, instead of a plain button with a text. */
  children?: ReactNode;
  returnTo?: string;
}

function Clickable({ children, label, onClick }: { children: ReactNode; label: string; onClick: () => void }): ReactElement {
  if (isValidElement<{ onClick?: () => void }>(children)) return cloneElement(children, { onClick });
  return (
    <button type="button" onClick={onClick}>
      {children ?? label}
    </button>
  );
}

export function SignInButton({ children, returnTo }: ButtonProps): ReactElement {
  const client = useAuthClient();
  return (
    <Clickable label="Sign in" onClick={() => void client.redirectToSignIn(returnTo)}>
      {children}
    </Clickable>
  );
}

export function SignUpButton({ children, returnTo }: ButtonProps): ReactElement {
  const client = useAuthClient();
  return (
    <Clickable label="Sign up" onClick={() => void client.redirectToSignUp(returnTo)}>
      {children}
    </Clickable>
  );
}

export function SignOutButton({ children }: { children?: ReactNode }): ReactElement {
  const client = useAuthClient();
  return (
    <Clickable label="Sign out" onClick={() => void client.signOut()}>
      {children}
    </Clickable>
  );
}

const MENU_STYLE = {
  position: "absolute",
  insetInlineEnd: 0,
  marginBlockStart: 8,
  minInlineSize: 220,
  padding: 8,
  borderRadius: 10,
  border: "1px solid color-mix(in srgb, currentColor 18%, transparent)",
  background: "var(--syncline-menu, Canvas)",
  color: "var(--syncline-menu-text, CanvasText)",
  boxShadow: "0 8px 30px rgb(0 0 0 / 0.16)",
  zIndex: 50,
} as const;

const ITEM_STYLE = {
  display: "block",
  inlineSize: "100%",
  boxSizing: "border-box",
  padding: "8px 10px",
  border: 0,
  borderRadius: 6,
  background: "none",
  color: "inherit",
  font: "inherit",
  textAlign: "start",
  textDecoration: "none",
  cursor: "pointer",
} as const;

/** The signed-in user as a round button, with a menu: account, devices, signing out. Shows nothing for nobody. */
export function UserButton({ labels = {} }: { labels?: Partial<Record<"account" | "devices" | "signOut", string>> }): ReactElement | null {
  const client = useAuthClient();
  const { user } = useUser();
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const menu = useId();

  useEffect(() => {
    if (!open) return;
    const close = (event: Event) => {
      const inside = event.target instanceof Node && root.current?.contains(event.target);
      if (event instanceof KeyboardEvent ? event.key !== "Escape" : inside) return;
      setOpen(false);
      // Who closes it by a key goes on from where it was opened.
      if (event instanceof KeyboardEvent && inside) button.current?.focus();
    };
    document.addEventListener("pointerdown", close);
    document.addEventListener("keydown", close);
    return () => {
      document.removeEventListener("pointerdown", close);
      document.removeEventListener("keydown", close);
    };
  }, [open]);

  if (!user) return null;
  const name = user.name || user.email || "?";
  return (
    <div ref={root} style={{ position: "relative", display: "inline-block" }} data-syncline="user-button">
      <button
        ref={button}
        type="button"
        aria-expanded={open}
        aria-controls={open ? menu : undefined}
        aria-label={name}
        onClick={() => setOpen(!open)}
        style={{
          inlineSize: 36,
          blockSize: 36,
          padding: 0,
          border: 0,
          borderRadius: "50%",
          overflow: "hidden",
          cursor: "pointer",
          background: "var(--syncline-accent, #0f766e)",
          color: "#fff",
          font: "600 14px/36px system-ui, sans-serif",
        }}
      >
        {user.image_url ? <img src={user.image_url} alt="" width={36} height={36} /> : initials(name)}
      </button>
      {open && (
        <div id={menu} style={MENU_STYLE}>
          <div style={{ padding: "8px 10px", borderBlockEnd: "1px solid color-mix(in srgb, currentColor 12%, transparent)" }}>
            <div style={{ fontWeight: 600, overflow: "hidden", textOverflow: "ellipsis" }}>{name}</div>
            {user.name && user.email && <div style={{ opacity: 0.7, fontSize: "0.875em" }}>{user.email}</div>}
          </div>
          <a href={client.pageUrl("account")} style={ITEM_STYLE}>
            {labels.account ?? "Account"}
          </a>
          <a href={client.pageUrl("devices")} style={ITEM_STYLE}>
            {labels.devices ?? "Devices"}
          </a>
          <button type="button" onClick={() => void client.signOut()} style={ITEM_STYLE}>
            {labels.signOut ?? "Sign out"}
          </button>
        </div>
      )}
    </div>
  );
}

/** A list of the user's organisations; choosing one makes it the active one. */
export function OrganizationSwitcher({ label = "Organisation", none = "Personal" }: { label?: string; none?: string }): ReactElement | null {
  const { organizations, active, setActive } = useOrganizations();
  const { isSignedIn } = useAuth();
  if (!isSignedIn) return null;
  return (
    <select aria-label={label} value={active?.id ?? ""} onChange={(event) => void setActive(event.target.value || null)}>
      <option value="">{none}</option>
      {organizations.map((each) => (
        <option key={each.id} value={each.id}>
          {each.name}
        </option>
      ))}
    </select>
  );
}

function initials(name: string): string {
  const words = name.split(/[\s@.]+/).filter(Boolean);
  return `${words[0]?.[0] ?? "?"}${words.length > 1 ? (words[1]?.[0] ?? "") : ""}`.toUpperCase();
}

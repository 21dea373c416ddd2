import { fetchQuery } from "convex/nextjs";
import Link from "next/link";
import { api } from "@/convex/_generated/api";
import { asCaller } from "@/lib/backend";
import { signOut } from "../sign-in/actions";

/** For callers with a token only: see proxy.ts. The backend decides whether it is worth anything. */
export default async function AccountPage() {
  const account = await fetchQuery(api.account.whoami, {}, await asCaller()).catch(() => null);
  return (
    <>
      <header className="top">
        <h1>Your account</h1>
        <Link href="/">Back to the tasks</Link>
      </header>
      <section className="card padded">
        {account === null ? (
          <p>The backend does not accept your token: sign out, and sign in again.</p>
        ) : (
          <p>
            You are signed in as <strong>{account.name ?? account.email ?? account.subject}</strong>, says {account.issuer}.
          </p>
        )}
        <form action={signOut}>
          <button className="strong" type="submit">
            Sign out
          </button>
        </form>
      </section>
    </>
  );
}

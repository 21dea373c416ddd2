import { fetchQuery } from "convex/nextjs";
import Link from "next/link";
import { api } from "@/convex/_generated/api";
import { asCaller } from "@/lib/backend";
import { Manage } from "./Manage";

/** What the backend knows of the caller. */
export default async function AccountPage() {
  const account = await fetchQuery(api.account.whoami, {}, await asCaller());
  return (
    <>
      <header className="top">
        <h1>Your account</h1>
        <Link href="/tasks">Back to the tasks</Link>
      </header>
      <section className="card padded">
        <p>
          You are signed in as <strong>{account.name || account.email || account.subject}</strong>.
        </p>
        <Manage />
      </section>
    </>
  );
}

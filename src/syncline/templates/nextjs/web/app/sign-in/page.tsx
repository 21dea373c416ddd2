import Link from "next/link";
import { ownPath } from "@/lib/session";
import { SignInForm } from "./SignInForm";

interface Props {
  searchParams: Promise<{ next?: string | string[] }>;
}

export default async function SignInPage({ searchParams }: Props) {
  const { next } = await searchParams;
  return (
    <>
      <header className="top">
        <h1>Sign in</h1>
        <Link href="/">Back to the tasks</Link>
      </header>
      <section className="card padded">
        <p className="soft">
          This page takes a token of any OpenID Connect issuer that the backend knows. Put the sign-in of your provider in
          its place: whatever sets the cookie <code>token</code> will do.
        </p>
        <SignInForm next={ownPath(next)} />
      </section>
    </>
  );
}

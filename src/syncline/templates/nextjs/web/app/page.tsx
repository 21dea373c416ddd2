import { auth } from "@syncline/auth/nextjs";
import { redirect } from "next/navigation";
import { backendUrl } from "@/lib/backend";

const isDevelopment = process.env.NODE_ENV === "development";

/** For everybody. Who is signed in goes on to the tasks. */
export default async function Home() {
  const { userId } = await auth({ url: backendUrl() });
  if (userId !== null) redirect("/tasks");
  return (
    <>
      <header className="top">
        <h1>my-app</h1>
        <p className="lead">A list of tasks that all who are signed in share, live in every window.</p>
      </header>
      <section className="card padded">
        {isDevelopment && <p>Sign up with any address. While you develop no mail is sent: the code is in the inbox.</p>}
        <p className="actions">
          <a className="strong" href="/auth/sign-up?redirect=/tasks">
            Create an account
          </a>
          <a href="/auth/sign-in?redirect=/tasks">Sign in</a>
          {isDevelopment && (
            <a href="/auth/inbox" target="_blank">
              Inbox
            </a>
          )}
        </p>
      </section>
    </>
  );
}

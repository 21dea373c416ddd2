import { redirect } from "next/navigation";
import { backendUrl } from "@/lib/backend";
import { isSignedIn } from "@/lib/session";
import { SignIn } from "./SignIn";

/** For everybody. Who is signed in goes on to the tasks. */
export default async function Home() {
  if (await isSignedIn(backendUrl())) redirect("/tasks");
  return (
    <>
      <header className="top">
        <h1>my-app</h1>
        <p className="lead">A list of tasks that all who are signed in share, live in every window.</p>
      </header>
      <section className="card padded">
        <SignIn />
      </section>
    </>
  );
}

import { preloadedQueryResult, preloadQuery } from "convex/nextjs";
import Link from "next/link";
import { api } from "@/convex/_generated/api";
import { asCaller } from "@/lib/backend";
import { AddTask } from "./AddTask";
import { Counts } from "./Counts";
import { Status } from "./Status";
import { Summary } from "./Summary";
import { TaskList } from "./TaskList";

/** Rendered on the server with the tasks in it, and live as soon as the browser has taken over. */
export default async function TasksPage() {
  const preloaded = await preloadQuery(api.tasks.list, {}, await asCaller());
  return (
    <>
      <header className="top">
        <h1>my-app</h1>
        <div className="aside">
          <Link href="/account">Account</Link>
          <Status />
        </div>
        <p className="lead">Open this page in a second window: both always show the same.</p>
      </header>
      <section className="card" aria-label="Tasks">
        <AddTask />
        <TaskList preloaded={preloaded} first={preloadedQueryResult(preloaded)} />
        <Counts />
      </section>
      <Summary />
    </>
  );
}

"use client";

import { type Preloaded, useConvexAuth, useMutation, usePreloadedQuery } from "convex/react";
import { api } from "@/convex/_generated/api";
import type { Doc } from "@/convex/_generated/dataModel";

interface Props {
  preloaded: Preloaded<typeof api.tasks.list>;
  /** What the page came with. It is shown until the connection has said who is calling, a moment later. */
  first: Doc<"tasks">[];
}

export function TaskList({ preloaded, first }: Props) {
  const { isAuthenticated } = useConvexAuth();
  return isAuthenticated ? <LiveTasks preloaded={preloaded} /> : <Rows tasks={first} />;
}

function LiveTasks({ preloaded }: Pick<Props, "preloaded">) {
  return <Rows tasks={usePreloadedQuery(preloaded)} />;
}

function Rows({ tasks }: { tasks: Doc<"tasks">[] }) {
  if (tasks.length === 0) return <p className="empty">Nothing to do. Write the first task.</p>;
  return (
    <ul className="tasks">
      {tasks.map((task) => (
        <Row key={task._id} task={task} />
      ))}
    </ul>
  );
}

function Row({ task }: { task: Doc<"tasks"> }) {
  const remove = useMutation(api.tasks.remove);

  // The tick is shown at once, and confirmed (or taken back) when the server has answered.
  const setDone = useMutation(api.tasks.set_done).withOptimisticUpdate((store, args) => {
    const tasks = store.getQuery(api.tasks.list, {});
    if (tasks === undefined) return;
    const changed = tasks.map((other) => (other._id === args.task ? { ...other, done: args.done } : other));
    store.setQuery(api.tasks.list, {}, changed);
  });

  return (
    <li>
      <label>
        <input
          type="checkbox"
          checked={task.done}
          onChange={(event) => void setDone({ task: task._id, done: event.target.checked })}
        />
        <span className={task.done ? "done" : ""}>{task.title}</span>
      </label>
      <button className="remove" type="button" aria-label={`Remove ${task.title}`} onClick={() => void remove({ task: task._id })}>
        ×
      </button>
    </li>
  );
}

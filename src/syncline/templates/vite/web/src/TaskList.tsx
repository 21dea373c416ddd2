import { useMutation, useQuery } from "convex/react";
import { api } from "./_generated/api";
import type { Doc } from "./_generated/dataModel";

export function TaskList() {
  const tasks = useQuery(api.tasks.list, {});
  if (tasks === undefined) return <p className="empty">Loading</p>;
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

import { useState } from "react";
import { AddTask } from "./AddTask";
import { Counts } from "./Counts";
import { Status } from "./Status";
import { TaskList } from "./TaskList";

export function App() {
  const [problem, setProblem] = useState("");

  return (
    <main className="page">
      <header className="top">
        <h1>my-app</h1>
        <Status />
        <p className="lead">Open this page in a second window: both always show the same.</p>
      </header>

      <section className="card" aria-label="Tasks">
        <AddTask refused={setProblem} />
        {problem !== "" && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        <TaskList />
        <Counts />
      </section>
    </main>
  );
}

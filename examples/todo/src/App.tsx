import { Show, SignInButton, SignUpButton, useUser, UserButton } from "@syncline/auth/react";
import { Authenticated, AuthLoading, useMutation, useQuery } from "convex/react";
import { useState, type FormEvent, type ReactElement } from "react";
import { api } from "./_generated/api";
import type { Doc } from "./_generated/dataModel";

export function App(): ReactElement {
  return (
    <div className="page">
      <header>
        <h1>Todo</h1>
        <UserButton />
      </header>
      <main>
        <Show when="signed-out">
          <Welcome />
        </Show>
        <Show when="signed-in">
          <AuthLoading>
            <p className="quiet" role="status">
              One moment …
            </p>
          </AuthLoading>
          <Authenticated>
            <Todos />
          </Authenticated>
        </Show>
      </main>
    </div>
  );
}

function Welcome(): ReactElement {
  return (
    <section className="welcome">
      <p>A list that is yours: nobody else can see it, not in this page and not around it.</p>
      <p className="actions">
        <SignInButton>
          <button type="button" className="primary">
            Sign in
          </button>
        </SignInButton>
        <SignUpButton>
          <button type="button">Create an account</button>
        </SignUpButton>
      </p>
    </section>
  );
}

function Todos(): ReactElement {
  const { user } = useUser();
  const todos = useQuery(api.todos.list);
  if (todos === undefined) return <p className="quiet">One moment …</p>;
  const open = todos.filter((todo) => !todo.done).length;
  return (
    <>
      <NewTodo />
      {todos.length > 0 && (
        <ul aria-label="Todos">
          {todos.map((todo) => (
            <TodoRow key={todo._id} todo={todo} />
          ))}
        </ul>
      )}
      <p className="quiet" role="status">
        {todos.length === 0 ? `Nothing to do, ${user?.name || user?.email || "you"}.` : `${open} of ${todos.length} open`}
      </p>
    </>
  );
}

function NewTodo(): ReactElement {
  const add = useMutation(api.todos.add);
  const [text, setText] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!text.trim()) return;
    setText("");
    void add({ text });
  };
  return (
    <form onSubmit={submit}>
      <input aria-label="What is to be done" placeholder="What is to be done?" maxLength={500} value={text} onChange={(event) => setText(event.target.value)} />
      <button className="primary">Add</button>
    </form>
  );
}

function TodoRow({ todo }: { todo: Doc<"todos"> }): ReactElement {
  const check = useMutation(api.todos.check).withOptimisticUpdate((store, { id, done }) => {
    const todos = store.getQuery(api.todos.list, {});
    if (todos) store.setQuery(api.todos.list, {}, todos.map((each) => (each._id === id ? { ...each, done } : each)));
  });
  const remove = useMutation(api.todos.remove);
  return (
    <li>
      <label>
        <input type="checkbox" checked={todo.done} onChange={(event) => void check({ id: todo._id, done: event.target.checked })} />
        <span className={todo.done ? "done" : ""}>{todo.text}</span>
      </label>
      <button type="button" className="plain" aria-label={`Remove: ${todo.text}`} onClick={() => void remove({ id: todo._id })}>
        ×
      </button>
    </li>
  );
}

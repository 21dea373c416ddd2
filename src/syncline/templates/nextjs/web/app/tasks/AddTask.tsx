"use client";

import { useActionState } from "react";
import { addTask } from "./actions";

export function AddTask() {
  const [{ title, problem }, add, isAdding] = useActionState(addTask, { title: "", problem: "" });
  return (
    <>
      <form className="add" action={add}>
        <input
          type="text"
          name="title"
          aria-label="New task"
          placeholder="What is to be done?"
          autoComplete="off"
          required
          defaultValue={title}
        />
        <button className="strong" type="submit" disabled={isAdding}>
          Add
        </button>
      </form>
      {problem !== "" && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </>
  );
}

import { useMutation } from "convex/react";
import { ConvexError } from "convex/values";
import type { FormEvent } from "react";
import { useState } from "react";
import { api } from "./_generated/api";

interface Props {
  /** Called with what the server refused, and with "" when it did not. */
  refused: (problem: string) => void;
}

export function AddTask({ refused }: Props) {
  const [title, setTitle] = useState("");
  const add = useMutation(api.tasks.add);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setTitle("");
    refused("");
    try {
      await add({ title });
    } catch (error) {
      setTitle(title);
      refused(error instanceof ConvexError ? error.data.message : "The server could not do this.");
    }
  };

  return (
    <form className="add" onSubmit={submit}>
      <input
        type="text"
        aria-label="New task"
        placeholder="What is to be done?"
        autoComplete="off"
        required
        value={title}
        onChange={(event) => setTitle(event.target.value)}
      />
      <button className="strong" type="submit">
        Add
      </button>
    </form>
  );
}

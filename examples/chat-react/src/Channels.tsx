import { useMutation, useQuery } from "convex/react";
import type { FormEvent } from "react";
import { useState } from "react";
import { api } from "./_generated/api";

interface Props {
  current: string;
  open: (channel: string) => void;
}

export function Channels({ current, open }: Props) {
  const channels = useQuery(api.channels.list) ?? [];
  const create = useMutation(api.channels.create);
  const [name, setName] = useState("");

  // A channel exists once somebody made it or wrote to it; the one being looked at is listed anyway.
  const names = [...new Set([...channels.map((channel) => channel.name), current])].sort();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() === "") return;
    const channel = await create({ name });
    setName("");
    open(channel.name);
  };

  return (
    <nav aria-label="Channels">
      {names.map((other) => (
        <button key={other} type="button" aria-current={other === current} onClick={() => open(other)}>
          #{other}
        </button>
      ))}
      <form onSubmit={submit}>
        <input
          aria-label="Name of a new channel"
          placeholder="New channel"
          maxLength={40}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      </form>
    </nav>
  );
}

import { insertAtTop, useMutation } from "convex/react";
import { ConvexError } from "convex/values";
import type { FormEvent } from "react";
import { useState } from "react";
import { api } from "./_generated/api";
import { entryOnItsWay } from "./sending";

interface Props {
  channel: string;
  author: string;
  rename: (name: string) => void;
}

export function Composer({ channel, author, rename }: Props) {
  const [body, setBody] = useState("");
  const [problem, setProblem] = useState("");

  // The message is in the list at once, and is replaced by the stored one in the same step in which that arrives.
  const send = useMutation(api.messages.send).withOptimisticUpdate((localQueryStore, args) => {
    insertAtTop({
      paginatedQuery: api.messages.page,
      argsToMatch: { channel: args.channel },
      localQueryStore,
      item: entryOnItsWay(args),
    });
  });

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (body.trim() === "" || author.trim() === "") return;
    setBody("");
    setProblem("");
    try {
      await send({ channel, author: author.trim(), body: body.trim() });
    } catch (error) {
      setBody(body);
      setProblem(error instanceof ConvexError ? error.data.message : "The message was not sent. Try again.");
    }
  };

  return (
    <form className="composer" onSubmit={submit}>
      {problem !== "" && <p role="alert">{problem}</p>}
      <input
        className="name"
        aria-label="Your name"
        placeholder="Your name"
        maxLength={40}
        required
        value={author}
        onChange={(event) => rename(event.target.value)}
      />
      <input
        className="body"
        aria-label="Message"
        placeholder={`Write in #${channel}`}
        maxLength={4000}
        autoComplete="off"
        value={body}
        onChange={(event) => setBody(event.target.value)}
      />
      <button type="submit" disabled={body.trim() === ""}>
        Send
      </button>
    </form>
  );
}

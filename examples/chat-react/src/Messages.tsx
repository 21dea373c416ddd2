import { usePaginatedQuery } from "convex/react";
import { useLayoutEffect, useRef } from "react";
import { api } from "./_generated/api";
import { isSending } from "./sending";

const PAGE = 30;
const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });

interface Props {
  channel: string;
  author: string;
}

export function Messages({ channel, author }: Props) {
  const { results, status, loadMore } = usePaginatedQuery(api.messages.page, { channel }, { initialNumItems: PAGE });
  const scroller = useRef<HTMLDivElement>(null);

  // The list is drawn from the bottom up (column-reverse), so a reader at the end stays there and older messages
  // appear above without moving what is on screen. Only a message of one's own calls the reader back to the end.
  const newest = results[0];
  const sendingId = newest !== undefined && isSending(newest.id) ? newest.id : null;
  useLayoutEffect(() => {
    if (sendingId !== null) scroller.current?.scrollTo({ top: 0 });
  }, [sendingId]);

  const askForOlder = () => {
    const element = scroller.current;
    if (element === null || status !== "CanLoadMore") return;
    const left = element.scrollHeight - element.clientHeight + element.scrollTop;
    if (left < 600) loadMore(PAGE);
  };

  return (
    <div className="messages" ref={scroller} onScroll={askForOlder} tabIndex={0} role="region" aria-label="Messages">
      {status === "Exhausted" && results.length === 0 && (
        <p className="empty">Nothing in #{channel} yet. What you write here appears in every window at once.</p>
      )}
      <ol reversed>
        {results.map((message) => (
          <li key={message.id} className={isSending(message.id) ? "sending" : ""}>
            <p>
              <strong className={message.author === author ? "mine" : ""}>{message.author}</strong>
              <time dateTime={new Date(message.sent_at).toISOString()}>{clock.format(message.sent_at)}</time>
            </p>
            <p className="body">{message.body}</p>
          </li>
        ))}
      </ol>
      <p className="older">
        {status === "Exhausted"
          ? results.length > 0 && "This is where the channel begins."
          : status === "CanLoadMore"
            ? <button type="button" onClick={() => loadMore(PAGE)}>Load older messages</button>
            : "Loading messages"}
      </p>
    </div>
  );
}

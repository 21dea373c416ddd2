// The messages of one channel: live pages, and what this window is still sending.

import { myName } from "./names.js";

const PAGE = 30;

/**
 * Follows a channel. `show(entries, status)` gets the entries from the oldest to the newest, and the status of the
 * official paginated query: LoadingFirstPage, CanLoadMore, LoadingMore or Exhausted.
 *
 * The pages are ordinary live queries over adjoining intervals, so they never overlap or leave a gap, however much
 * is written between them.
 */
export function followChannel(client, api, channel, show) {
  let live = { results: [], status: "LoadingFirstPage", loadMore: () => false };
  // Messages that the server refused: {id, author, body, sent_at, problem}.
  let refused = [];
  let count = 0;

  const publish = () => show([...live.results.toReversed(), ...refused], live.status);

  const subscription = client.onPaginatedUpdate_experimental(
    api.messages.page,
    { channel },
    { initialNumItems: PAGE },
    (result) => {
      live = result;
      publish();
    },
    (error) => console.error(error),
  );

  async function send(body) {
    const author = myName();
    count += 1;
    const entry = { id: `sending-${count}`, author, body, sent_at: Date.now(), sending: true };
    try {
      // The client shows the message in the newest page at once, keeps it there through reconnects, and takes it
      // back in the very step in which the page that holds the stored message arrives.
      await client.mutation(
        api.messages.send,
        { channel, author, body },
        { optimisticUpdate: (store) => putFirst(store, api, channel, entry) },
      );
    } catch (error) {
      refused.push({ ...entry, sending: false, problem: error.data?.message ?? "The server could not take it." });
      publish();
    }
  }

  function discard(id) {
    refused = refused.filter((entry) => entry.id !== id);
    publish();
  }

  return {
    send,
    discard,
    sendAgain(id) {
      const entry = refused.find((other) => other.id === id);
      discard(id);
      return send(entry.body);
    },
    loadOlder: () => live.status === "CanLoadMore" && live.loadMore(PAGE),
    stop: () => subscription.unsubscribe(),
  };
}

/** Writes an entry at the head of the channel's first page, which is the one without a cursor. */
function putFirst(store, api, channel, entry) {
  for (const { args, value } of store.getAllQueries(api.messages.page)) {
    if (value === undefined || args.channel !== channel || args.paginationOpts.cursor !== null) continue;
    store.setQuery(api.messages.page, args, { ...value, page: [entry, ...value.page] });
  }
}

// The messages of one channel: live pages, and what this window is still sending.

import { myName } from "./names.js";

const PAGE = 30;

// What the server refused, by channel: it waits there to be sent again or discarded. {id, author, body, sent_at, problem}
const refused = new Map();
let count = 0;

/**
 * Follows a channel. `show(entries, status)` gets the entries from the oldest to the newest, and the status of the
 * official paginated query (LoadingFirstPage, CanLoadMore, LoadingMore or Exhausted), or Failed.
 *
 * The pages are ordinary live queries over adjoining intervals, so they never overlap or leave a gap, however much
 * is written between them.
 */
export function followChannel(client, api, channel, show) {
  let live = { results: [], status: "LoadingFirstPage", loadMore: () => false };
  let followed = true;

  function publish() {
    if (followed) show([...live.results.toReversed(), ...(refused.get(channel) ?? [])], live.status);
  }

  const subscription = client.onPaginatedUpdate_experimental(
    api.messages.page,
    { channel },
    { initialNumItems: PAGE },
    (result) => {
      live = result;
      publish();
    },
    (error) => {
      console.error(error);
      live = { ...live, status: "Failed" };
      publish();
    },
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
      const problem = error.data?.message ?? "The server could not take it.";
      refused.set(channel, [...(refused.get(channel) ?? []), { ...entry, sending: false, problem }]);
      publish();
    }
  }

  function discard(id) {
    const kept = refused.get(channel).filter((entry) => entry.id !== id);
    refused.set(channel, kept);
    publish();
  }

  return {
    send,
    discard,
    sendAgain(id) {
      const { body } = refused.get(channel).find((entry) => entry.id === id);
      discard(id);
      return send(body);
    },
    loadOlder: () => live.status === "CanLoadMore" && live.loadMore(PAGE),
    stop() {
      followed = false;
      subscription.unsubscribe();
    },
  };
}

/** Writes an entry at the head of the channel's first page, which is the one without a cursor. */
function putFirst(store, api, channel, entry) {
  for (const { args, value } of store.getAllQueries(api.messages.page)) {
    if (value === undefined || args.channel !== channel || args.paginationOpts.cursor !== null) continue;
    store.setQuery(api.messages.page, args, { ...value, page: [entry, ...value.page] });
  }
}

// Puts the page together. The parts know nothing of each other.

import { channelOfAddress, setUpChannels } from "./channels.js";
import { setUpComposer } from "./composer.js";
import { setUpConnection } from "./connection.js";
import { byId } from "./dom.js";
import { setUpDrawer } from "./drawer.js";
import { followChannel } from "./messages.js";
import { setUpNames } from "./names.js";
import { createTimeline } from "./timeline.js";

function start({ ConvexClient, anyApi: api }) {
  const client = new ConvexClient(location.origin);
  let room = null;

  const timeline = createTimeline({
    loadOlder: () => room.loadOlder(),
    sendAgain: (id) => room.sendAgain(id),
    discard: (id) => room.discard(id),
  });
  const composer = setUpComposer((body) => room.send(body));
  const drawer = setUpDrawer();

  function open(channel) {
    room?.stop();
    timeline.clear(channel);
    room = followChannel(client, api, channel, timeline.show);
    composer.open(channel);
    drawer.close();
  }

  setUpConnection(client);
  setUpNames(() => {
    composer.label();
    timeline.redraw();
  });
  setUpChannels(client, api, { opened: open, made: () => byId("text").focus() });
  byId("skip").addEventListener("click", () => byId("text").focus());
  open(channelOfAddress());
}

// The bundle is a plain script that runs before this module. Without it there is nothing to connect with.
if (globalThis.convex === undefined) byId("no-bundle").hidden = false;
else start(globalThis.convex);

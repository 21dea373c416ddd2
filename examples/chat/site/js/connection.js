// The state of the connection, in words: connecting, live, reconnecting.

import { byId } from "./dom.js";

const WORDS = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting" };
// A socket that is back within this time (ms) is not worth a banner.
const PATIENCE = 1_500;

export function setUpConnection(client) {
  let lostAt = null;

  const stateOf = ({ isWebSocketConnected, hasEverConnected }) => {
    if (isWebSocketConnected) return "live";
    return hasEverConnected ? "reconnecting" : "connecting";
  };

  const show = () => {
    const connection = client.connectionState();
    const state = stateOf(connection);
    if (state !== "reconnecting") lostAt = null;
    else lostAt ??= Date.now();

    const pill = byId("link");
    if (pill.dataset.state !== state || byId("link-text").textContent !== WORDS[state]) {
      pill.dataset.state = state;
      byId("link-text").textContent = WORDS[state];
    }

    const away = lostAt === null ? 0 : Date.now() - lostAt;
    const banner = byId("lost");
    banner.hidden = away < PATIENCE;
    if (!banner.hidden) banner.textContent = lostText(Math.round(away / 1000), connection.inflightMutations);
  };

  client.subscribeToConnectionState(show);
  setInterval(() => lostAt !== null && show(), 500);
  show();
}

function lostText(seconds, waiting) {
  const since = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
  const queued = waiting === 0 ? "What you write is" : waiting === 1 ? "1 message is" : `${waiting} messages are`;
  return `Connection lost ${since} ago. ${queued} sent when it is back.`;
}

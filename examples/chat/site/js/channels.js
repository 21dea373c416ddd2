// The list of channels: live, with counts of what this tab has not seen yet.

import { byId, make } from "./dom.js";

const SEEN = "syncline-chat.seen";

/** What the address names: "#field-notes" is the channel field-notes. */
export const channelOfAddress = () => decodeURIComponent(location.hash.slice(1)) || "general";

export function setUpChannels(client, api, { opened, made }) {
  // Messages seen per channel. Null until the first list arrives: a first visit starts with everything seen.
  let seen = JSON.parse(sessionStorage.getItem(SEEN) ?? "null");
  let channels = [];
  let arrived = false;

  const unread = (channel) => Math.max(0, channel.messages - (seen?.[channel.name] ?? 0));

  function markSeen() {
    const current = channelOfAddress();
    if (!seen) seen = Object.fromEntries(channels.map((channel) => [channel.name, channel.messages]));
    const shown = channels.find((channel) => channel.name === current);
    if (shown && !document.hidden) seen[current] = shown.messages;
    sessionStorage.setItem(SEEN, JSON.stringify(seen));
  }

  function show() {
    const current = channelOfAddress();
    // A channel exists once somebody made it or wrote to it; the one being looked at is listed anyway.
    const listed = channels.some((channel) => channel.name === current)
      ? channels
      : [...channels, { name: current, messages: 0 }].sort((a, b) => (a.name < b.name ? -1 : 1));
    byId("channels").replaceChildren(...listed.map((channel) => row(channel, channel.name === current, unread(channel))));

    const count = listed.find((channel) => channel.name === current).messages;
    byId("channel-title").textContent = current;
    byId("channel-count").textContent = count === 1 ? "1 message" : `${count.toLocaleString()} messages`;

    const missed = channels.reduce((sum, channel) => sum + unread(channel), 0);
    byId("menu-dot").hidden = missed === 0;
    document.title = `${missed ? `(${missed}) ` : ""}#${current} · Syncline chat`;
  }

  const refresh = () => {
    if (arrived) markSeen();
    show();
  };

  client.onUpdate(
    api.channels.list,
    {},
    (rows) => {
      channels = rows;
      arrived = true;
      refresh();
    },
    (error) => console.error(error),
  );

  addEventListener("hashchange", () => {
    refresh();
    opened(channelOfAddress());
  });
  document.addEventListener("visibilitychange", refresh);
  setUpForm(client, api, made);
  show();
}

function row({ name }, isCurrent, unread) {
  const link = make("a", { href: `#${encodeURIComponent(name)}` }, make("span", { className: "name", textContent: name }));
  if (isCurrent) link.setAttribute("aria-current", "page");
  if (unread > 0 && !isCurrent) {
    link.classList.add("fresh");
    const words = make("span", { className: "unseen", textContent: " new" });
    link.append(make("span", { className: "badge", textContent: unread > 99 ? "99+" : String(unread) }, words));
  }
  return make("li", {}, link);
}

function setUpForm(client, api, made) {
  const form = byId("new-channel");
  const field = byId("channel-name");
  const button = byId("add-channel");
  const problem = byId("channel-error");

  const toggle = (open) => {
    form.hidden = !open;
    problem.hidden = true;
    button.setAttribute("aria-expanded", String(open));
    if (open) field.focus();
    else if (form.contains(document.activeElement)) button.focus();
  };

  button.addEventListener("click", () => toggle(form.hidden));
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    toggle(false);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const { name } = await client.mutation(api.channels.create, { name: field.value });
      field.value = "";
      toggle(false);
      location.hash = encodeURIComponent(name);
      made();
    } catch (error) {
      problem.textContent = error.data?.message ?? "The channel could not be made. Try again.";
      problem.hidden = false;
    }
  });
}

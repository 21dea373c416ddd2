// Draws the messages of a channel and keeps the reader's place among them.

import { byId, linked, make, paintFace } from "./dom.js";
import { myName } from "./names.js";
import { dayOf, sayClock, sayDay, sayExactly, sayTime } from "./time.js";

// Messages of one author within this time (ms) stand under one name.
const TOGETHER = 5 * 60_000;
// Closer to the end than this (px) counts as reading the end; closer to the top than this asks for older messages.
const NEAR_END = 80;
const NEAR_TOP = 700;
// What stands above the oldest message, when it is not that more is on its way.
const EDGE = {
  Exhausted: "This is where the channel begins.",
  Failed: "The messages could not be loaded. The console of the browser says why.",
};

const isStored = (entry) => !entry.sending && entry.problem === undefined;

export function createTimeline({ loadOlder, sendAgain, discard }) {
  const scroller = byId("scroller");
  const list = byId("messages");
  // Rows on screen by message id, in order. `shown` holds the ids of stored messages; null until the first page is here.
  let rows = new Map();
  let shown = null;
  let missed = 0;

  const atEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END;

  function toEnd(behavior = "instant") {
    scroller.scrollTo({ top: scroller.scrollHeight, behavior });
    setMissed(0);
  }

  function setMissed(count) {
    missed = count;
    byId("jump").hidden = count === 0;
    if (count > 0) byId("jump").textContent = count === 1 ? "1 new message" : `${count} new messages`;
  }

  /** Shows a channel's messages, the oldest first. */
  function show(entries, status) {
    showEdges(entries, status);
    if (status === "LoadingFirstPage") return;
    const first = shown === null;
    const follows = first || atEnd();
    const mark = follows ? null : markPlace();
    const arrived = first ? [] : arrivals(entries);
    draw(entries);
    shown = new Set(entries.filter(isStored).map((entry) => entry.id));

    if (follows || arrived.some((entry) => entry.sending)) toEnd();
    else {
      restorePlace(mark);
      setMissed(missed + arrived.length);
    }
    announce(arrived);
    askForOlder();
  }

  /** Entries below the newest that was already shown: new ones, not the older ones of a loaded page. */
  function arrivals(entries) {
    const known = entries.findLastIndex((entry) => shown.has(entry.id));
    const sent = new Set([...rows.values()].filter((row) => row.entry.sending).map((row) => row.entry.body.trim()));
    const isConfirmation = (entry) => entry.author === myName() && sent.has(entry.body);
    return entries.slice(known + 1).filter((entry) => !rows.has(entry.id) && !isConfirmation(entry));
  }

  function showEdges(entries, status) {
    const loading = status === "LoadingFirstPage";
    byId("skeleton").hidden = !loading;
    byId("empty").hidden = loading || entries.length > 0 || status !== "Exhausted";
    const older = byId("older");
    older.hidden = loading || (entries.length === 0 && status !== "Failed");
    older.textContent = EDGE[status] ?? "Loading older messages";
    older.classList.toggle("busy", EDGE[status] === undefined);
  }

  function draw(entries) {
    const next = new Map();
    for (const entry of entries) {
      const row = rows.get(entry.id) ?? adopt(entry, entries) ?? createRow({ sendAgain, discard });
      rows.delete(entry.id);
      next.set(entry.id, row);
    }
    for (const row of rows.values()) row.element.remove();
    rows = next;
    place(entries);
  }

  /** Puts the rows in order, moving only those that are not where they belong. */
  function place(entries) {
    const now = Date.now();
    let before = null;
    let cursor = list.firstChild;
    for (const entry of entries) {
      const row = rows.get(entry.id);
      // Pages that did not change hold the same objects as before, so most rows need no look.
      if (row.entry !== entry || row.above !== before) updateRow(row, entry, before, now);
      if (row.element === cursor) cursor = cursor.nextSibling;
      else list.insertBefore(row.element, cursor);
      before = entry;
    }
  }

  /**
   * The row of a message that was being sent becomes the row of the stored message, so that nothing moves when one
   * replaces the other.
   */
  function adopt(entry, entries) {
    if (entry.sending || entry.author !== myName()) return null;
    const still = new Set(entries.map((other) => other.id));
    for (const [id, row] of rows) {
      if (row.entry.sending && !still.has(id) && row.entry.body.trim() === entry.body) {
        rows.delete(id);
        return row;
      }
    }
    return null;
  }

  /** The first row in view and where it stands: what must not move when rows come and go around it. */
  function markPlace() {
    const top = scroller.getBoundingClientRect().top;
    for (const row of rows.values()) {
      const box = row.element.getBoundingClientRect();
      if (box.bottom > top) return { row, top: box.top };
    }
    return null;
  }

  function restorePlace(mark) {
    if (mark?.row.element.isConnected) scroller.scrollTop += mark.row.element.getBoundingClientRect().top - mark.top;
  }

  /** For screen readers: what others wrote just now. Older pages and own messages are not read out. */
  function announce(arrived) {
    const foreign = arrived.filter((entry) => entry.author !== myName()).slice(-3);
    if (foreign.length > 0) byId("announce").textContent = foreign.map(({ author, body }) => `${author}: ${body}`).join("\n");
  }

  const askForOlder = () => scroller.scrollTop < NEAR_TOP && loadOlder();

  scroller.addEventListener(
    "scroll",
    () => {
      if (missed > 0 && atEnd()) setMissed(0);
      askForOlder();
    },
    { passive: true },
  );
  byId("jump").addEventListener("click", () => toEnd("smooth"));
  // A keyboard that slides in, or a window made smaller, must not hide the newest message.
  let wasAtEnd = true;
  scroller.addEventListener("scroll", () => (wasAtEnd = atEnd()), { passive: true });
  new ResizeObserver(() => wasAtEnd && toEnd()).observe(scroller);
  setInterval(() => refreshTimes(rows), 20_000);

  return {
    show,
    /** Draws everything again: the reader's own name has changed. */
    redraw() {
      for (const row of rows.values()) updateRow(row, row.entry, row.above, Date.now());
    },
    /** Empties the list for another channel. */
    clear(channel) {
      byId("empty-title").textContent = `Nothing in #${channel} yet`;
      rows = new Map();
      shown = null;
      list.replaceChildren();
      setMissed(0);
      showEdges([], "LoadingFirstPage");
    },
  };
}

function createRow(actions) {
  const row = {
    element: make("li", { className: "message" }),
    day: make("div", { className: "day" }, make("span")),
    face: make("span", { className: "face", ariaHidden: "true" }),
    author: make("strong", { className: "author" }),
    time: make("time"),
    side: make("time", { className: "side-time", ariaHidden: "true" }),
    body: make("p", { className: "body" }),
    state: make("p", { className: "state" }),
    entry: null,
    above: null,
  };
  const head = make("p", { className: "head" }, row.author, row.time);
  row.element.append(row.day, row.face, row.side, make("div", { className: "content" }, head, row.body, row.state));
  row.state.addEventListener("click", (event) => {
    if (event.target.dataset.act === "again") void actions.sendAgain(row.entry.id);
    if (event.target.dataset.act === "discard") actions.discard(row.entry.id);
  });
  return row;
}

/** Draws an entry in its row, below the entry before it (or null), touching only what has changed. */
function updateRow(row, entry, before, now) {
  const shown = row.entry;
  row.entry = entry;
  row.above = before;
  const newDay = before === null || dayOf(before.sent_at) !== dayOf(entry.sent_at);
  const leads = newDay || before.author !== entry.author || entry.sent_at - before.sent_at > TOGETHER;

  row.day.hidden = !newDay;
  if (newDay) row.day.firstChild.textContent = sayDay(entry.sent_at, now);
  row.element.classList.toggle("leads", leads);
  row.element.classList.toggle("mine", entry.author === myName());
  row.element.classList.toggle("sending", entry.sending === true);
  row.element.classList.toggle("refused", entry.problem !== undefined);
  sayTimes(row, now);

  if (shown?.body !== entry.body) row.body.replaceChildren(...linked(entry.body));
  if (shown?.author !== entry.author) {
    row.author.textContent = entry.author;
    paintFace(row.face, entry.author);
  }
  if (shown?.id === entry.id) return;
  row.element.dataset.id = entry.id;
  for (const time of [row.time, row.side]) {
    time.dateTime = new Date(entry.sent_at).toISOString();
    time.title = sayExactly(entry.sent_at);
  }
  showState(row, entry);
}

function showState({ state }, { sending, problem }) {
  if (problem !== undefined) {
    state.replaceChildren(
      make("span", { textContent: `Not sent. ${problem}` }),
      actionButton("again", "Send again"),
      actionButton("discard", "Discard"),
    );
    state.setAttribute("role", "alert");
  } else {
    state.replaceChildren(...(sending ? [make("span", { className: "unseen", textContent: "Sending" })] : []));
  }
}

function actionButton(act, textContent) {
  const button = make("button", { type: "button", textContent });
  button.dataset.act = act;
  return button;
}

function sayTimes(row, now) {
  const said = sayTime(row.entry.sent_at, now);
  if (row.time.textContent !== said) row.time.textContent = said;
  const clock = sayClock(row.entry.sent_at);
  if (row.side.textContent !== clock) row.side.textContent = clock;
}

function refreshTimes(rows) {
  const now = Date.now();
  for (const row of rows.values()) {
    sayTimes(row, now);
    if (!row.day.hidden) row.day.firstChild.textContent = sayDay(row.entry.sent_at, now);
  }
}

// The page: what the live queries say is drawn, and what a person does is sent. Nothing is refreshed by hand.

const byId = (id) => document.getElementById(id);

if (!("convex" in globalThis)) {
  byId("no-client").hidden = false;
  byId("status").textContent = "Not connected";
}
const { ConvexClient, anyApi: api } = globalThis.convex;
const client = new ConvexClient(location.origin);

client.onUpdate(api.tasks.list, {}, draw);

client.onUpdate(api.tasks.counts, {}, ({ open, done }) => {
  byId("counts").textContent = `${open} open, ${done} done`;
});

client.subscribeToConnectionState(({ isWebSocketConnected }) => {
  byId("status").dataset.live = isWebSocketConnected;
  byId("status").textContent = isWebSocketConnected ? "Live" : "Reconnecting";
});

byId("add").addEventListener("submit", (event) => {
  event.preventDefault();
  const title = byId("title").value;
  byId("title").value = "";
  change(api.tasks.add, { title });
});

const rows = new Map();

/** Brings the list up to date. Rows that stay are left in place, and keep the focus of the keyboard. */
function draw(tasks) {
  const present = new Set(tasks.map((task) => task._id));
  for (const [id, row] of rows) {
    if (!present.has(id)) {
      row.remove();
      rows.delete(id);
    }
  }
  const list = byId("tasks");
  tasks.forEach((task, place) => {
    const row = rows.get(task._id) ?? addRow(task);
    row.querySelector("input").checked = task.done;
    row.querySelector("span").className = task.done ? "done" : "";
    if (list.children[place] !== row) list.insertBefore(row, list.children[place] ?? null);
  });
  byId("empty").hidden = tasks.length > 0;
}

/** One task: a box to tick, its title, and a button that removes it. Text is never put in as markup. */
function addRow({ _id, title }) {
  const box = make("input", { type: "checkbox" });
  box.addEventListener("change", () => change(api.tasks.set_done, { task: _id, done: box.checked }));

  const remove = make("button", { type: "button", className: "remove", textContent: "×" });
  remove.setAttribute("aria-label", `Remove ${title}`);
  remove.addEventListener("click", () => {
    byId("title").focus();
    change(api.tasks.remove, { task: _id });
  });

  const row = make("li", {}, make("label", {}, box, make("span", { textContent: title })), remove);
  rows.set(_id, row);
  return row;
}

/** Calls a mutation, and shows what it refuses. */
async function change(mutation, args) {
  byId("problem").hidden = true;
  try {
    await client.mutation(mutation, args);
  } catch (error) {
    byId("problem").textContent = error.data?.message ?? "The server could not do this.";
    byId("problem").hidden = false;
  }
}

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// A question that is live while it is typed, and documents that are read here and stored there.

const byId = (id) => document.getElementById(id);
const { ConvexClient, anyApi: api } = globalThis.convex;
const client = new ConvexClient(location.origin);

client.subscribeToConnectionState(({ isWebSocketConnected }) => {
  byId("status").dataset.live = isWebSocketConnected;
  byId("status").textContent = isWebSocketConnected ? "Live" : "Reconnecting";
});

client.onUpdate(api.library.list, {}, (sources) => {
  byId("sources").replaceChildren(...sources.map(sourceRow));
});

let stop = () => {};
byId("question").addEventListener("input", ask);
ask();

/** Watches the answers to what is in the field, in place of those to what was. */
function ask() {
  const question = byId("question").value;
  stop();
  const query = client.onUpdate(api.library.ask, { question }, (answers) => {
    byId("answers").replaceChildren(...answers.map(answerRow));
    byId("nothing").hidden = answers.length > 0 || !question.trim();
  });
  stop = () => query();
}

function answerRow({ source, place, html }) {
  const row = document.createElement("li");
  const text = document.createElement("p");
  text.innerHTML = html; // Escaped by the server, but for its marks.
  const cite = document.createElement("cite");
  cite.textContent = `${source}, passage ${place}`;
  row.append(text, cite);
  return row;
}

function sourceRow({ _id, name, passages }) {
  const row = document.createElement("li");
  const label = document.createElement("span");
  label.textContent = `${name} · ${passages} ${passages === 1 ? "passage" : "passages"}`;
  const remove = document.createElement("button");
  remove.type = "button";
  remove.textContent = "Remove";
  remove.setAttribute("aria-label", `Remove ${name}`);
  remove.addEventListener("click", () => change(api.library.remove, { source: _id }));
  row.append(label, remove);
  return row;
}

byId("files").addEventListener("change", ({ target }) => {
  addAll([...target.files]); // A copy: the list is emptied by the next line.
  target.value = "";
});

const drop = byId("drop");
for (const kind of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind === "drop") addAll(event.dataTransfer.files);
  });
}

async function addAll(files) {
  for (const file of files) await change(api.library.add, { name: file.name, text: await file.text() });
}

/** Calls a mutation, and shows what the application refuses. */
async function change(mutation, args) {
  byId("problem").hidden = true;
  try {
    await client.mutation(mutation, args);
  } catch (error) {
    byId("problem").textContent = error.data?.message ?? "That did not work. Try again.";
    byId("problem").hidden = false;
  }
}

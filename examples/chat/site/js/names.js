// Who is writing. A tab keeps its own name (two windows can be two people); a new tab starts with the last one chosen.

import { byId, paintFace } from "./dom.js";

const KEY = "syncline-chat.name";

let current = sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "";
let answered = null;

export const myName = () => current;

/** Resolves to the name, asking for it if there is none yet; to "" if the question was closed. */
export function ensureName() {
  return current ? Promise.resolve(current) : askName();
}

export function askName() {
  const dialog = byId("name-dialog");
  answer(""); // to a question that was closed a moment ago, whose event has not come yet
  byId("name").value = current;
  dialog.showModal();
  byId("name").select();
  return new Promise((resolve) => {
    answered = resolve;
  });
}

function answer(name) {
  answered?.(name);
  answered = null;
}

function keep(name) {
  current = name;
  sessionStorage.setItem(KEY, name);
  localStorage.setItem(KEY, name);
}

/** Shows the name in the side bar and wires the dialog; `changed` is called after each new name. */
export function setUpNames(changed) {
  const dialog = byId("name-dialog");

  const show = () => {
    byId("you-name").textContent = current || "Choose a name";
    byId("you-hint").textContent = current ? "Change name" : "to write messages";
    byId("you-face").hidden = !current;
    if (current) paintFace(byId("you-face"), current);
  };

  byId("you").addEventListener("click", () => void askName());
  byId("name-cancel").addEventListener("click", () => dialog.close());
  byId("name-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = byId("name").value.trim().replace(/\s+/g, " ");
    if (!name) return;
    keep(name);
    show();
    dialog.close(name);
    changed();
  });
  dialog.addEventListener("close", () => {
    if (dialog.open) return; // The event of the question before.
    answer(dialog.returnValue);
    dialog.returnValue = "";
  });
  show();
}

// The field where one writes. Each channel keeps its own draft.

import { byId } from "./dom.js";
import { ensureName, myName } from "./names.js";

export function setUpComposer(send) {
  const text = byId("text");
  const drafts = new Map();
  let channel = "";
  // On a touch keyboard Enter makes a new line: there the button sends.
  const touch = matchMedia("(pointer: coarse)");

  const fit = () => {
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight}px`;
  };
  const label = () => {
    text.placeholder = myName() ? `Write in #${channel} as ${myName()}` : `Write in #${channel}`;
    byId("composer").classList.toggle("ready", text.value.trim() !== "");
  };

  async function submit() {
    if (!text.value.trim() || !(await ensureName())) return;
    const body = text.value;
    text.value = "";
    fit();
    label();
    text.focus();
    void send(body);
  }

  text.addEventListener("input", () => {
    fit();
    label();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || touch.matches) return;
    event.preventDefault();
    void submit();
  });
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    void submit();
  });

  return {
    label,
    open(name) {
      if (channel) drafts.set(channel, text.value);
      channel = name;
      text.value = drafts.get(name) ?? "";
      fit();
      label();
    },
  };
}

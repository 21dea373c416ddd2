// On a narrow screen the side bar is a drawer: opened by a button, closed by Escape, a tap beside it or a choice in it.

import { byId } from "./dom.js";

export function setUpDrawer() {
  const narrow = matchMedia("(max-width: 760px)");
  const side = byId("side");
  const menu = byId("menu");

  function set(open) {
    const drawer = narrow.matches;
    document.body.classList.toggle("drawer-open", drawer && open);
    menu.setAttribute("aria-expanded", String(drawer && open));
    // What is off screen must not be reachable by keyboard either.
    side.inert = drawer && !open;
    byId("room").inert = drawer && open;
    if (drawer && open) byId("you").focus();
  }

  menu.addEventListener("click", () => set(true));
  byId("scrim").addEventListener("click", () => set(false));
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !document.body.classList.contains("drawer-open") || event.defaultPrevented) return;
    set(false);
    menu.focus();
  });
  narrow.addEventListener("change", () => set(false));
  set(false);
  return { close: () => set(false) };
}

// The few helpers that every part of the page uses.

/** The element with this id, which index.html promises to hold. */
export const byId = (id) => document.getElementById(id);

/** Makes an element: `make("p", { className: "body", textContent: text }, child, ...)`. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Text with its web addresses as links. Built from nodes, never from markup, so a message cannot inject any. */
export function linked(text) {
  const nodes = [];
  let done = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]}']/g)) {
    nodes.push(text.slice(done, match.index));
    nodes.push(make("a", { href: match[0], textContent: match[0], target: "_blank", rel: "noopener noreferrer" }));
    done = match.index + match[0].length;
  }
  nodes.push(text.slice(done));
  return nodes;
}

/** Gives an element a person's initials and colour. The same name looks the same in every window. */
export function paintFace(element, name) {
  const words = name.trim().split(/\s+/);
  const initials = [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...word][0] ?? "").join("");
  element.textContent = initials.toUpperCase();
  element.style.setProperty("--hue", String(hashOf(name) % 360));
}

/** FNV-1a with a final mix, so that similar names get colours far apart. */
function hashOf(text) {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 12)) >>> 0;
}

// The reference of an application's functions, made from /openapi.json. Text only ever becomes text, never markup.

const find = document.querySelector("#find");
const token = document.querySelector("#token");
const place = document.querySelector("#functions");

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A schema as a type, in the notation of TypeScript. */
function typeOf(schema, indent = "") {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return [...new Set(options.map((option) => typeOf(option, indent)))].join(" | ");
  if (Array.isArray(schema.type)) return schema.type.join(" | ");
  if (schema.type === "array") {
    const item = typeOf(schema.items, indent);
    return item.includes(" | ") ? `(${item})[]` : `${item}[]`;
  }
  if (schema.type !== "object") return schema.type ? schema.type + (schema.format ? ` (${schema.format})` : "") : "any";
  if (!schema.properties) return `Record<string, ${typeOf(schema.additionalProperties || {}, indent)}>`;
  const required = schema.required ?? [];
  const lines = Object.entries(schema.properties).map(([name, field]) => {
    const mark = required.includes(name) ? "" : "?";
    const preset = "default" in field ? `  // ${JSON.stringify(field.default)} unless said` : "";
    return `${indent}  ${name}${mark}: ${typeOf(field, indent + "  ")};${preset}`;
  });
  return lines.length ? `{\n${lines.join("\n")}\n${indent}}` : "{}";
}

/** The names that a type refers to, and those that these refer to. */
function namesIn(schema, components, found = new Set()) {
  const name = schema?.$ref?.split("/").pop();
  if (name && !found.has(name)) {
    found.add(name);
    namesIn(components[name], components, found);
  }
  if (schema && typeof schema === "object") Object.values(schema).forEach((part) => namesIn(part, components, found));
  return found;
}

/** Something to begin with: a value that fits, or nearly. */
function sample(schema, components, depth = 0) {
  if (schema.$ref) return depth > 4 ? null : sample(components[schema.$ref.split("/").pop()], components, depth + 1);
  if ("default" in schema) return schema.default;
  if ("const" in schema) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return sample(schema.anyOf[0], components, depth);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case "string": return "";
    case "number": case "integer": return Math.max(schema.minimum > -1e9 ? schema.minimum : 0, 0);
    case "boolean": return false;
    case "array": return [];
    case "object": {
      const fields = Object.entries(schema.properties ?? {}).filter(([name]) => (schema.required ?? []).includes(name));
      return Object.fromEntries(fields.map(([name, field]) => [name, sample(field, components, depth + 1)]));
    }
    default: return null;
  }
}

async function call(path, text) {
  const headers = { "content-type": "application/json" };
  if (token.value) headers.authorization = `Bearer ${token.value}`;
  const response = await fetch(path, { method: "POST", headers, body: `{"args":${text || "{}"}}` });
  const answer = await response.text();
  try {
    return JSON.stringify(JSON.parse(answer), null, 2);
  } catch {
    return answer;
  }
}

function functionCard(path, operation, components) {
  const name = operation["x-syncline-function"];
  const kind = operation["x-syncline-kind"];
  const body = operation.requestBody.content["application/json"].schema.properties.args;
  const [success] = operation.responses["200"].content["application/json"].schema.oneOf;
  const result = success.properties.value;
  const input = element("textarea", { spellcheck: "false", "aria-label": `Arguments of ${name}` });
  input.value = JSON.stringify(sample(body, components), null, 2);
  const output = element("pre", { hidden: "" });
  const button = element("button", { type: "button" }, "Call");
  button.addEventListener("click", async () => {
    button.disabled = true;
    output.hidden = false;
    try {
      output.textContent = await call(path, input.value);
    } catch (error) {
      output.textContent = String(error);
    }
    button.disabled = false;
  });
  const types = [...namesIn([body, result], components)].map((each) => `${each} = ${typeOf(components[each])}`);
  const heading = element("summary", {}, element("span", { class: `kind ${kind}` }, kind), element("code", {}, name));
  if (operation.summary !== name) heading.append(element("span", {}, operation.summary));
  const card = element(
    "details", { id: name }, heading,
    element("p", { class: "path" }, `POST ${path}`),
    element("p", {}, operation.description),
    element("pre", {}, [`args: ${typeOf(body)}`, `value: ${typeOf(result)}`, ...types].join("\n\n")),
    input, element("p", {}, button), output,
  );
  card.open = location.hash === `#${name}`;
  return card;
}

function show(description) {
  document.title = description.info.title;
  document.querySelector("#title").textContent = description.info.title;
  document.querySelector("#about").textContent = description.info.description;
  const sections = new Map();
  for (const [path, { post }] of Object.entries(description.paths)) {
    if (!post?.["x-syncline-function"]) continue;
    const tag = post.tags[0];
    if (!sections.has(tag)) sections.set(tag, element("section", {}, element("h2", {}, tag)));
    sections.get(tag).append(functionCard(path, post, description.components.schemas));
  }
  place.replaceChildren(...sections.values());
  if (!sections.size) place.replaceChildren(element("p", {}, "This application has no public functions."));
}

find.addEventListener("input", () => {
  const wanted = find.value.toLowerCase();
  for (const card of place.querySelectorAll("details")) card.hidden = !card.textContent.toLowerCase().includes(wanted);
});

try {
  const response = await fetch("/openapi.json");
  if (!response.ok) throw new Error(`/openapi.json answered ${response.status}`);
  show(await response.json());
} catch (error) {
  place.replaceChildren(element("p", {}, String(error)));
}

// Shows /api/openapi.json as a page. Everything is set as text, never as markup.

const api = await (await fetch("/api/openapi.json")).json();

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function table(headings, rows) {
  const made = element("table");
  const head = made.createTHead().insertRow();
  for (const heading of headings) head.append(element("th", heading, { scope: "col" }));
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const cell of row) {
      const place = line.insertCell();
      place.append(cell ?? "");
    }
  }
  return made;
}

function shapeName(reference) {
  return reference.split("/").at(-1);
}

/** A type in words, with links to the shapes it names. */
function typeOf(schema) {
  const words = element("span");
  if (!schema || Object.keys(schema).length === 0) words.append("anything");
  else if (schema.$ref) words.append(element("a", shapeName(schema.$ref), { href: `#shape-${shapeName(schema.$ref)}` }));
  else if (schema.enum) words.append(schema.enum.map((value) => JSON.stringify(value)).join(" | "));
  else if (schema.oneOf || schema.anyOf || schema.allOf) {
    const joint = schema.allOf ? " & " : " | ";
    (schema.oneOf ?? schema.anyOf ?? schema.allOf).forEach((part, i) => words.append(i ? joint : "", typeOf(part)));
  } else if (schema.type === "array") words.append("list of ", typeOf(schema.items));
  else if (schema.properties) {
    words.append("{ ");
    Object.entries(schema.properties).forEach(([name, part], i) => words.append(i ? ", " : "", `${name}: `, typeOf(part)));
    words.append(" }");
  } else {
    const type = [schema.type].flat().join(" | ");
    words.append(schema.format ? `${type} (${schema.format})` : type);
  }
  return words;
}

function bodyOf(content) {
  const cell = element("span");
  Object.entries(content ?? {}).forEach(([kind, media], i) => {
    cell.append(i ? "; " : "", `${kind}: `, typeOf(media.schema));
  });
  return cell;
}

document.getElementById("about").textContent = api.info.description;
const contents = element("ul");
document.getElementById("contents").append(contents);
const calls = document.getElementById("calls");

for (const tag of api.tags ?? []) {
  const title = element("h2", tag.description ?? tag.name);
  calls.append(title);
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, call] of Object.entries(methods)) {
      if (!call.tags?.includes(tag.name)) continue;
      const id = `${method}${path.replaceAll(/[^a-z0-9]+/gi, "-")}`;
      const section = element("section", undefined, { id });
      const name = element("h3");
      name.append(element("span", method, { class: "method" }), " ", element("code", path));
      section.append(name, element("p", [call.summary, call.description].filter(Boolean).join(" ")));
      if (call.parameters?.length) {
        section.append(
          table(
            ["Parameter", "In", "Type", ""],
            call.parameters.map((p) => [element("code", p.name), p.in, typeOf(p.schema), p.description]),
          ),
        );
      }
      if (call.requestBody) {
        const line = element("p", "Body: ");
        line.append(bodyOf(call.requestBody.content));
        section.append(line);
      }
      section.append(
        table(["Answer", "Body"], Object.entries(call.responses).map(([status, r]) => [status, bodyOf(r.content)])),
      );
      calls.append(section);
      const entry = element("li");
      entry.append(element("a", `${method.toUpperCase()} ${path}`, { href: `#${id}` }));
      contents.append(entry);
    }
  }
}

const shapes = document.getElementById("shapes");
for (const [name, schema] of Object.entries(api.components?.schemas ?? {})) {
  const section = element("section", undefined, { id: `shape-${name}` });
  section.append(element("h3", name), element("p", schema.description));
  if (schema.properties) {
    const required = new Set(schema.required ?? []);
    section.append(
      table(
        ["Field", "Type", ""],
        Object.entries(schema.properties).map(([field, part]) => [
          element("code", required.has(field) ? field : `${field}?`),
          typeOf(part),
          part.description,
        ]),
      ),
    );
  } else {
    const line = element("p");
    line.append(typeOf(schema));
    section.append(line);
  }
  shapes.append(section);
}

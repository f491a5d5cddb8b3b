// Making elements.
import { word } from "./words.js";

export const byId = (id) => document.getElementById(id);

/** `attributes` are set as they are; `text`, `onclick` and other handlers are properties. Children that are null are left out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A card with a heading. */
export function card(id, heading, ...children) {
  return make("section", { id, "aria-labelledby": `${id}-heading` }, make("h3", { id: `${id}-heading`, text: heading }), ...children);
}

export const button = (text, onclick, attributes = {}) => make("button", { type: "button", text, onclick, ...attributes });

/** A table whose rows are filled later. `columns` are the headings. */
export function table(id, caption, columns) {
  const heads = columns.map((column) => make("th", { scope: "col", ...(column === "" ? {} : { text: column }) }));
  // A column of buttons has a heading for those who hear it.
  for (const head of heads) if (!head.textContent) head.append(make("span", { class: "hidden", text: word("actions") }));
  const shown = make("table", { id }, make("caption", { text: caption }), make("thead", {}, make("tr", {}, ...heads)), make("tbody"));
  return make("div", { class: "wide", tabindex: "0", role: "group", "aria-label": caption }, shown);
}

/** Changes only the cells that differ. A button that is replaced between press and release would not be clicked. */
export function fillTable(shown, list) {
  const body = shown.querySelector("tbody");
  while (body.rows.length > list.length) body.lastElementChild.remove();
  for (const [i, cells] of list.entries()) {
    const row = body.rows[i] ?? body.insertRow();
    for (const [j, cell] of cells.entries()) {
      const td = row.cells[j] ?? row.insertCell();
      if (!(cell instanceof Node)) {
        if (td.textContent !== cell || td.firstElementChild) td.textContent = cell;
      } else if (td.firstChild !== cell) td.replaceChildren(cell);
    }
  }
}

/** A list of [name, value, note]. */
export function showFigures(into, list) {
  const parts = list.map(([label, value, note]) =>
    make("div", {}, make("dt", { text: label }), make("dd", { text: value }, note ? make("small", { text: ` ${note}` }) : null)),
  );
  into.replaceChildren(...parts);
}

/** How many of `total` are sold, held and blocked. Said in words, too. */
export function bar(counts, label) {
  const part = (kind) => {
    const shown = make("span", { class: `part ${kind}` });
    shown.style.width = `${counts.total > 0 ? (100 * counts[kind]) / counts.total : 0}%`;
    return shown;
  };
  return make("div", { class: "bar", role: "img", "aria-label": label }, part("sold"), part("held"), part("blocked"));
}

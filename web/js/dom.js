// Builds elements by function calls. The page's Content-Security-Policy (Trusted Types) forbids markup in strings, so no text from
// the API can become markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== undefined && child !== null && child !== false) element.append(child);
  }
}

/** Makes an HTML element: h("button", {type: "button", onclick: f}, "text", …). */
export function h(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** Makes an SVG element. */
export function s(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/** Replaces the children of an element. */
export function put(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/** Sets the text of an element only if it differs, which avoids needless layouts and screen reader output. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Moves the focus to the heading of a view, so that screen readers read it. Not if the user has gone elsewhere meanwhile. */
export function focusHeading(root) {
  const heading = root.querySelector("h1");
  if (!heading || document.activeElement !== document.body) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

const PATHS = {
  calendar: "M4 7h16v13H4zM4 11h16M8 4v4m8-4v4",
  pin: "M12 21s7-6.2 7-11a7 7 0 0 0-14 0c0 4.8 7 11 7 11Zm0-8.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z",
  bell: "M6 17V11a6 6 0 0 1 12 0v6l1.5 1.5h-15ZM10.3 21h3.4",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Zm0-14v5.5l3.5 2",
  check: "m5 12.5 4.5 4.5L19 7.5",
  pause: "M9 6v12m6-12v12",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  wallet: "M4 7.5h14.5V19H4zM4 7.5 15 4v3.5M15 13.2h5.5",
  ticket: "M4 7h16v3.4a1.8 1.8 0 0 0 0 3.2V17H4v-3.4a1.8 1.8 0 0 0 0-3.2Z",
  dice: "M5 5h14v14H5zM9 9h.01M15 15h.01M15 9h.01M9 15h.01M12 12h.01",
  warn: "M12 4 2.8 19.5h18.4ZM12 10v4.5m0 2.4v.1",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  whole: "M4 9V4h5m6 0h5v5m0 6v5h-5m-6 0H4v-5",
  print: "M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z",
  back: "m14.5 5-7 7 7 7",
  next: "m9.5 5 7 7-7 7",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Zm4.8-1.7L20 20",
  share: "M12 15V4m0 0L8 8m4-4 4 4M5 12v8h14v-8",
  code: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2v2h-2zM18 18h2v2h-2zM18 14h2M14 18v2",
  spark: "M12 3v6m0 6v6m9-9h-6m-6 0H3",
};

/** A decorative icon: a text beside it must say the same. */
export function icon(name) {
  return s("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, s("path", { d: PATHS[name] }));
}

/** Has screen readers read a text when they are idle. */
export function announce(text) {
  speak("polite", text);
}

/** Has screen readers read a text at once. */
export function alarm(text) {
  speak("urgent", text);
}

function speak(id, text) {
  const region = document.getElementById(id);
  region.textContent = "";
  // Without the delay, a text equal to the previous one would not be read again.
  setTimeout(() => { region.textContent = text; }, 60);
}

/** Asks the user to confirm an action. `more`: an element below the text. Resolves to the decision. */
export function confirm({ title, text, more, yes, no, danger }) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title", "aria-describedby": "dialog-text" },
      h("form", { method: "dialog" },
        h("h2", { id: "dialog-title" }, title),
        h("p", { id: "dialog-text" }, text),
        more,
        h("div", { class: "actions" },
          h("button", { value: "no", class: "button quiet", autofocus: true, formnovalidate: true }, no),
          h("button", { value: "yes", class: danger ? "button danger" : "button" }, yes))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

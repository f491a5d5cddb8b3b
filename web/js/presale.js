// Presales: the phases before the general sale, in which joining the line needs a code.

import { now } from "./clock.js";
import { h, icon } from "./dom.js";
import { dayAndTime, t } from "./i18n.js";
import { get, set } from "./storage.js";

const at = (time) => Date.parse(time);
const ahead = (event) => (event.presales ?? []).filter((presale) => at(presale.closesAt) > now());
const isOpen = (presale) => at(presale.opensAt) <= now();

/** Whether joining the line needs a code now. */
export const needsCode = (event) => ahead(event).length > 0;

/** When the line next moves: the opening of a presale or of the sale. Null if one of them is open. */
export function nextOpening(event) {
  const presales = ahead(event);
  if (presales.some(isOpen)) return null;
  const openings = [...presales.map((presale) => presale.opensAt), event.opensAt].filter((time) => time && at(time) > now());
  return openings.sort((a, b) => at(a) - at(b))[0] ?? null;
}

/** The presales that are open, or else the next one, and when the general sale begins. */
export function presaleFacts(event) {
  const presales = ahead(event);
  const first = Math.min(...presales.map((presale) => at(presale.opensAt)));
  const shown = presales.some(isOpen) ? presales.filter(isOpen) : presales.filter((presale) => at(presale.opensAt) === first);
  const time = (moment) => dayAndTime(moment, event.timeZone);
  return [
    shown.map((presale) => h("p", { class: "when", "data-testid": "presale" }, icon("clock"),
      isOpen(presale) ? t("presale.open", { name: presale.name, until: time(presale.closesAt) }) : t("presale.next", { name: presale.name, from: time(presale.opensAt), until: time(presale.closesAt) }))),
    event.opensAt && h("p", { class: "when" }, icon("calendar"), t("presale.general", { time: time(event.opensAt) })),
  ];
}

const key = (event) => `code.${event}`;

/** The code that this browser has joined the event's line with, or tried to. */
export const codeFor = (event) => get(key(event)) ?? "";

/** The field for a code. It keeps what is typed, also while the user signs in elsewhere. */
export function codeField(event) {
  const input = h("input", { id: "code", type: "text", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", maxlength: 40, required: true, "aria-describedby": "code-note", "data-testid": "code" });
  input.value = codeFor(event);
  input.addEventListener("input", () => {
    set(key(event), input.value.trim());
    input.removeAttribute("aria-invalid");
  });
  const field = h("div", { class: "code-field" },
    h("label", { for: "code" }, t("presale.code")), input,
    h("p", { id: "code-note", class: "quiet-text" }, t("presale.code_note")));
  return { field, complain: () => { input.setAttribute("aria-invalid", "true"); input.focus(); }, isEmpty: () => input.value.trim() === "" };
}

// A calendar by months, to choose one of many days.

import { h, icon, put, setText } from "./dom.js";
import { monthName, t, weekdays, wholeDay } from "./i18n.js";

/** Days are YYYY-MM-DD, months YYYY-MM. */
const monthOf = (day) => day.slice(0, 7);

function monthAfter(month, by) {
  const [year, number] = month.split("-").map(Number);
  return new Date(Date.UTC(year, number - 1 + by, 1)).toISOString().slice(0, 7);
}

/** The weeks of a month, each with seven days; null for days of other months. Weeks begin on Sunday. */
function weeksOf(month) {
  const [year, number] = month.split("-").map(Number);
  const first = new Date(Date.UTC(year, number - 1, 1)).getUTCDay();
  const count = new Date(Date.UTC(year, number, 0)).getUTCDate();
  const days = [...Array(first).fill(null), ...Array.from({ length: count }, (_, i) => `${month}-${String(i + 1).padStart(2, "0")}`)];
  while (days.length % 7 > 0) days.push(null);
  return Array.from({ length: days.length / 7 }, (_, i) => days.slice(i * 7, i * 7 + 7));
}

/**
 * `days`: a map of days to {label, kind}: what is said about the day beside its date, and the class that it looks like. `chosen`: the
 * day that is chosen, or null. `pick(day)`: the user has chosen a day.
 */
export function dateCalendar(days, chosen, pick) {
  const known = [...days.keys()].sort();
  const [first, last] = [monthOf(known[0]), monthOf(known.at(-1))];
  let month = monthOf(chosen ?? known.find((day) => days.get(day).kind !== "none") ?? known[0]);
  const title = h("h3", { "aria-live": "polite" });
  const body = h("tbody", {});
  const turn = (by, name, text) => h("button", { type: "button", class: "round", "aria-label": text, onclick: () => { month = monthAfter(month, by); draw(); } }, icon(name));
  const before = turn(-1, "back", t("calendar.before"));
  const after = turn(1, "next", t("calendar.after"));
  const cell = (day) => {
    const found = day && days.get(day);
    const number = day && String(Number(day.slice(8)));
    if (!found) return h("td", {}, number && h("span", {}, number));
    const choose = () => {
      chosen = day;
      draw();
      body.querySelector("[aria-pressed=true]").focus();
      pick(day);
    };
    return h("td", {}, h("button", { type: "button", class: found.kind, "aria-pressed": String(day === chosen), "data-day": day, onclick: choose },
      h("span", { "aria-hidden": "true" }, number), h("span", { class: "unseen" }, `${wholeDay(day)}, ${found.label}`)));
  };
  const draw = () => {
    setText(title, monthName(month));
    before.disabled = month <= first;
    after.disabled = month >= last;
    put(body, weeksOf(month).map((week) => h("tr", {}, week.map(cell))));
  };
  draw();
  return h("div", { class: "calendar" },
    h("div", { class: "calendar-head" }, before, title, after),
    h("table", {},
      h("thead", {}, h("tr", {}, weekdays().map(({ short, long }) => h("th", { scope: "col", abbr: long }, short)))),
      body));
}

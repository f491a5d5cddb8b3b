// The dates of an event to choose from: as a list, or as a calendar if there are many.

import { dateCalendar } from "./date-calendar.js";
import { now } from "./clock.js";
import { h, put } from "./dom.js";
import { ticketPrice } from "./fees.js";
import { dayAndTime, dayKey, dayParts, money, movedFrom, number, t, time } from "./i18n.js";

/** More dates than this are shown as a calendar. */
const MOST_LISTED = 6;
/** A date with at most this share of its seats, or this many, has few left. */
const FEW_SHARE = 0.1;
const FEW_SEATS = 10;

/** What a date looks like: "cancelled", "begun", "none" (sold out), "few" or "open". */
export function stateOf({ startsAt, availableSeats, totalSeats, cancelledAt }) {
  if (cancelledAt) return "cancelled";
  if (Date.parse(startsAt) <= now()) return "begun";
  if (availableSeats === 0) return "none";
  return availableSeats <= Math.max(FEW_SEATS, totalSeats * FEW_SHARE) && availableSeats < totalSeats ? "few" : "open";
}

export const canBuy = (date) => ["few", "open"].includes(stateOf(date));

const STATES = { cancelled: "state.CANCELLED", begun: "begun", none: "sold_out", few: "left.few", open: "left.some" };

/**
 * The dates. `control(date, content)` makes what the user clicks, with the time of the date in it. `chosen`: the key of the date that is
 * chosen, or null.
 */
export function dateChooser(event, dates, { control, chosen }) {
  const list = h("ul", { class: "dates choose" });
  const rows = (shown) => put(list, shown.map((date) => dateRow(event, date, control, date.date === chosen)));
  if (dates.length <= MOST_LISTED) {
    rows(dates);
    return list;
  }
  const byDay = new Map();
  for (const date of dates) {
    const day = dayKey(date.startsAt, event.timeZone);
    byDay.set(day, [...(byDay.get(day) ?? []), date]);
  }
  const days = new Map([...byDay].map(([day, dates]) => [day, summaryOf(dates)]));
  const chosenDay = chosen && [...byDay].find(([, dates]) => dates.some((date) => date.date === chosen))?.[0];
  if (chosenDay) rows(byDay.get(chosenDay));
  return h("div", { class: "by-month" }, dateCalendar(days, chosenDay ?? null, (day) => rows(byDay.get(day))), list);
}

/** Nothing can be bought for a date that has begun or is cancelled: it looks like one that is sold out. */
const lookOf = (state) => (["few", "open"].includes(state) ? state : "none");

/** A day's performances in few words, and what the day looks like: as its best performance. */
function summaryOf(dates) {
  const states = dates.map(stateOf);
  const best = ["open", "few", "none", "begun", "cancelled"].find((state) => states.includes(state));
  const words = t(STATES[best]);
  return { kind: lookOf(best), label: dates.length > 1 ? `${t("dates.performances", { n: dates.length })}, ${words}` : words };
}

function dateRow(event, date, control, isChosen) {
  const { month, day, weekday } = dayParts(date.startsAt, event.timeZone);
  const text = [h("span", { class: "unseen" }, dayAndTime(date.startsAt, event.timeZone)), h("span", { "aria-hidden": "true" }, time(date.startsAt, event.timeZone))];
  const state = stateOf(date);
  const moved = movedFrom(date, event.timeZone);
  return h("li", { class: `date-row ${lookOf(state)} ${isChosen ? "chosen-date" : ""}` },
    h("div", { class: "day", "aria-hidden": "true" }, h("span", {}, month), h("b", {}, day), h("span", {}, weekday)),
    h("div", { class: "date-body" },
      h("p", { class: "date-time" }, control(date, text)),
      moved && h("p", { class: "quiet-text", "data-testid": "moved-from" }, moved),
      date.sections && h("ul", { class: "prices" }, date.sections.map((section) => h("li", {}, h("span", {}, section.name), " ", h("b", {}, money(ticketPrice(event, section.price), event.currency)))))),
    availability(date, state));
}

/** How many seats are left, in words and as a bar. */
function availability(date, state) {
  const words = ["begun", "none", "cancelled"].includes(state) ? t(STATES[state]) : t("left.seats", { n: date.availableSeats, total: number(date.totalSeats) });
  const bar = h("i", {});
  bar.style.setProperty("--share", String(date.totalSeats ? date.availableSeats / date.totalSeats : 0));
  return h("div", { class: "date-left" }, h("span", {}, words), h("span", { class: "gauge", "aria-hidden": "true" }, bar));
}

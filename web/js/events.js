// The list of events: the start page.

import { href } from "./address.js";
import * as api from "./api.js";
import { now } from "./clock.js";
import { announce, h, icon, put, setText } from "./dom.js";
import { isPast, matching, sorted } from "./event-search.js";
import { ticketPrice } from "./fees.js";
import { dayAndTime, dayKey, days, money, monthName, number, t } from "./i18n.js";
import { picture } from "./picture.js";
import { needsCode, presaleFacts } from "./presale.js";
import { placeIn } from "./queue.js";
import { emptyPanel, setTitle, skeleton, stateChip, stateOf } from "./ui.js";

/** At most this many requests for event details run at a time. */
const AT_ONCE = 4;
/** With fewer events there is nothing to search. */
const FEWEST_TO_SEARCH = 4;
/** Cards that are seen at once on a phone: their pictures are not loaded lazily. */
const FIRST_SEEN = 2;
/** The periods to choose from, in days. */
const PERIODS = ["7", "30"];
const FILTERS = ["q", "city", "when"];
/** The user has stopped typing. */
const TYPING_MS = 250;

export async function show(root, { signal }) {
  setTitle("");
  const hero = h("div", { class: "hero" },
    h("p", { class: "eyebrow" }, t("events.eyebrow")),
    h("h1", {}, t("events.title")),
    h("p", { class: "lead" }, t("events.lead")));
  put(root, hero, skeleton(4));
  const { events } = await api.listEvents({ signal });
  if (events.length === 0) {
    put(root, hero, emptyPanel("calendar", t("events.none"), t("events.none_text")));
    return;
  }
  const list = new EventList(events, signal);
  put(root, hero, events.length >= FEWEST_TO_SEARCH && list.search(), list.count, list.shown);
  list.draw();
}

class EventList {
  constructor(events, signal) {
    Object.assign(this, { events, signal });
    const query = new URLSearchParams(location.search);
    this.filter = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""]));
    this.count = h("p", { class: "quiet-text", role: "status", "data-testid": "count" });
    this.shown = h("div", { class: "event-lists" });
  }

  /** The form. Its state is in the address, so that it can be shared, and is the same after going back. */
  search() {
    const cities = [...new Set(this.events.map((event) => event.city).filter(Boolean))].sort();
    const months = [...new Set(this.events.flatMap((event) => (event.startTimes ?? []).filter((start) => Date.parse(start) > now()).map((start) => monthOf(start, event))))].sort();
    const select = (name, any, options) => {
      const box = h("select", { name, onchange: () => this.change(name, box.value) }, h("option", { value: "" }, any), options.map(([value, text]) => h("option", { value }, text)));
      box.value = this.filter[name];
      return box;
    };
    let timer;
    const words = h("input", { type: "search", name: "q", value: this.filter.q, placeholder: t("search.placeholder"), autocomplete: "off", oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.change("q", words.value.trim()), TYPING_MS);
    } });
    return h("form", { class: "search", role: "search", onsubmit: (event) => { event.preventDefault(); this.change("q", words.value.trim()); } },
      h("label", { class: "search-words" }, h("span", {}, t("search.words")), words),
      months.length > 0 && h("label", {}, h("span", {}, t("search.when")), select("when", t("search.any_date"), [...PERIODS.map((n) => [n, t("search.next_days", { n: Number(n) })]), ...months.map((month) => [month, monthName(month)])])),
      cities.length > 1 && h("label", {}, h("span", {}, t("search.city")), select("city", t("search.any_city"), cities.map((city) => [city, city]))));
  }

  change(name, value) {
    if (this.signal.aborted || this.filter[name] === value) return;
    this.filter[name] = value;
    const query = new URLSearchParams(FILTERS.filter((it) => this.filter[it]).map((it) => [it, this.filter[it]])).toString();
    history.replaceState(null, "", query ? `?${query}` : location.pathname);
    this.draw();
    announce(this.count.textContent);
  }

  draw() {
    const isFiltered = FILTERS.some((name) => this.filter[name]);
    const found = matching(this.events, this.filter, now(), monthOf);
    const { upcoming, past } = sorted(found, now());
    setText(this.count, isFiltered ? t("search.found", { n: found.length }) : "");
    this.observer?.disconnect();
    const cards = [];
    const listOf = (events) => h("ul", { class: "events" }, events.map((event) => {
      const card = cardOf(event, cards.length < FIRST_SEEN);
      cards.push(card);
      return card.item;
    }));
    const reset = h("button", { type: "button", class: "button quiet", onclick: () => this.reset() }, t("search.reset"));
    put(this.shown,
      found.length === 0 && emptyPanel("search", t("search.none"), t("search.none_text"), reset),
      upcoming.length > 0 && listOf(upcoming),
      past.length > 0 && h("details", { class: "past-events", open: upcoming.length === 0 }, h("summary", {}, h("h2", {}, t("events.past", { n: past.length }))), listOf(past)));
    this.observer = fillAsSeen(cards, this.signal);
  }

  reset() {
    for (const box of document.querySelectorAll(".search input, .search select")) box.value = "";
    for (const name of FILTERS.slice(1)) this.filter[name] = "";
    this.change("q", "");
    if (this.filter.q === "") this.draw();
  }
}

const monthOf = (start, event) => dayKey(start, event.timeZone).slice(0, 7);

function cardOf(event, isFirst) {
  const left = h("span", { class: "left" });
  const chips = h("div", { class: "card-chips" }, stateChip(stateOf(event)), mine(event.eventId));
  const item = h("li", {},
    h("article", { class: `card ${isPast(event, now()) ? "past" : ""}` },
      h("div", { class: "card-art" }, picture(event, "(min-width: 64rem) 22rem, (min-width: 44rem) 45vw, 100vw", isFirst), chips),
      h("div", { class: "card-body" },
        h("h2", {}, h("a", { class: "card-link", href: href("e", event.eventId) }, event.eventName)),
        event.artists?.length > 0 && h("p", { class: "artists" }, event.artists.join(" · ")),
        when(event),
        h("p", { class: "where" }, icon("pin"), [event.venue, !event.venue.includes(event.city) && event.city].filter(Boolean).join(", ")),
        needsCode(event) ? presaleFacts(event) : event.state === "NOT_OPEN" && event.opensAt && h("p", { class: "when" }, icon("clock"), t("opens_at", { time: dayAndTime(event.opensAt, event.timeZone) })),
        h("p", { class: "card-tail" }, h("span", { class: "from" }, priceFrom(event)), left))));
  return { event, item, left, chips };
}

/** The dates to come; if there are none, those that have been. */
function when(event) {
  const all = event.startTimes ?? [];
  if (all.length === 0) return event.admission === "general" && h("p", { class: "when" }, icon("ticket"), t("events.general"));
  const coming = all.filter((start) => Date.parse(start) > now());
  const starts = coming.length > 0 ? coming : all;
  const text = starts.length === 1 ? dayAndTime(starts[0], event.timeZone) : t("dates.span", { n: starts.length, days: days(starts[0], starts.at(-1), event.timeZone) });
  return h("p", { class: "when" }, icon("calendar"), text);
}

function priceFrom(event) {
  const { lowestPrice, highestPrice, currency } = event;
  if (lowestPrice === undefined) return "";
  if (highestPrice === 0) return t("free");
  const lowest = money(ticketPrice(event, lowestPrice), currency);
  return lowestPrice === highestPrice ? lowest : t("from", { price: lowest });
}

/** A chip that says that the user is in line, or that it is their turn. */
function mine(event) {
  const place = placeIn(event);
  if (!place || place.status === "EXPIRED") return null;
  return h("span", { class: "chip mine" }, icon("spark"), t(place.status === "ACTIVE" ? "events.inside" : "events.waiting"));
}

/** Loads what is left of the events whose cards come into view, a few at a time. */
function fillAsSeen(cards, signal) {
  const queue = [];
  let running = 0;
  const next = () => {
    while (running < AT_ONCE && queue.length > 0 && !signal.aborted) {
      running += 1;
      fillIn(queue.shift(), signal).finally(() => {
        running -= 1;
        next();
      });
    }
  };
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((entry) => entry.isIntersecting)) {
      seen.unobserve(entry.target);
      queue.push(cards.find((card) => card.item === entry.target));
    }
    next();
  }, { rootMargin: "300px" });
  signal.addEventListener("abort", () => seen.disconnect());
  for (const card of cards.filter((card) => card.event.state !== "CLOSED")) seen.observe(card.item);
  return seen;
}

async function fillIn({ event, left, chips }, signal) {
  try {
    const details = await api.getEvent(event.eventId, { signal });
    left.classList.toggle("none", details.availableTickets === 0);
    setText(left, leftText(details));
    chips.firstElementChild.replaceWith(stateChip(stateOf(details), details.availableTickets, details.totalTickets));
  } catch {
    // The card keeps what the list said. The event's own page reports the error.
  }
}

export function leftText(details) {
  if (details.availableTickets === 0) return t("sold_out");
  return details.admission === "general"
    ? t("left.tickets", { n: details.availableTickets })
    : t("left.seats", { n: details.availableTickets, total: number(details.totalTickets) });
}

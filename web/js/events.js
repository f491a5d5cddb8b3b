// The list of events: the start page.

import { href } from "./address.js";
import * as api from "./api.js";
import { h, icon, put } from "./dom.js";
import { day, dayAndTime, money, number, t } from "./i18n.js";
import { placeIn } from "./queue.js";
import { emptyPanel, setTitle, skeleton, stateChip } from "./ui.js";
import { poster } from "./poster.js";

/** At most this many requests for event details run at a time. */
const AT_ONCE = 4;

const ORDER = ["OPEN", "NOT_OPEN", "PAUSED", "CLOSED"];

export async function show(root, { signal }) {
  setTitle("");
  const list = h("ul", { class: "events" });
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
  const sorted = [...events].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
  const waiting = sorted.map((event) => {
    const { item, facts, tail } = card(event);
    list.append(item);
    return { event, item, facts, tail };
  });
  put(root, hero, list);
  fillAsSeen(waiting, signal);
}

function card(event) {
  const facts = h("div", { class: "card-facts", "aria-busy": "true" }, h("span", { class: "ghost" }), h("span", { class: "ghost short" }));
  const tail = h("p", { class: "card-tail" });
  const item = h("li", {},
    h("article", { class: `card ${event.state === "CLOSED" ? "past" : ""}` },
      h("div", { class: "card-art" }, poster(event.eventId), h("div", { class: "card-chips" }, stateChip(event.state), mine(event.eventId))),
      h("div", { class: "card-body" },
        h("h2", {}, h("a", { class: "card-link", href: href("e", event.eventId) }, event.eventName)),
        h("p", { class: "where" }, icon("pin"), event.venue),
        facts,
        tail)));
  return { item, facts, tail };
}

/** A chip that says that the user is in line, or that it is their turn. */
function mine(event) {
  const place = placeIn(event);
  if (!place || place.status === "EXPIRED") return null;
  return h("span", { class: "chip mine" }, icon("spark"), t(place.status === "ACTIVE" ? "events.inside" : "events.waiting"));
}

/** Loads the details of cards when they come into view, a few at a time. */
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
  for (const card of cards) seen.observe(card.item);
}

async function fillIn({ event, facts, tail }, signal) {
  try {
    const details = await api.getEvent(event.eventId, { signal });
    const { first, last, from } = summary(details);
    put(facts,
      h("p", { class: "when" }, icon("calendar"), first ? (last && last !== first ? `${day(first)} – ${day(last)}` : dayAndTime(first)) : t("events.general")),
      event.state === "NOT_OPEN" && event.opensAt && h("p", { class: "when" }, icon("clock"), t("opens_at", { time: dayAndTime(event.opensAt) })));
    put(tail,
      h("span", { class: "from" }, from === null ? t("free") : t("from", { price: money(from, event.currency) })),
      h("span", { class: `left ${details.availableTickets === 0 ? "none" : ""}` }, leftText(details)));
  } catch {
    // The card keeps what the list said. The event's own page reports the error.
    put(facts);
  }
  facts.removeAttribute("aria-busy");
}

export function leftText(details) {
  if (details.availableTickets === 0) return t("sold_out");
  return details.admission === "general"
    ? t("left.tickets", { n: details.availableTickets })
    : t("left.seats", { n: details.availableTickets, total: number(details.totalTickets) });
}

/** First and last start, and the lowest price (null: free). */
export function summary(details) {
  const dates = details.dates ?? [];
  const prices = details.admission === "general" ? [details.price ?? 0] : dates.flatMap((date) => date.sections.map((section) => section.price));
  const lowest = prices.length ? Math.min(...prices) : 0;
  return { first: dates[0]?.startsAt, last: dates.at(-1)?.startsAt, from: lowest === 0 ? null : lowest };
}

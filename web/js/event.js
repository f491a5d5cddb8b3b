// The page of one event: dates, venue, prices, and the button to get tickets.

import { go, href } from "./address.js";
import * as api from "./api.js";
import { now } from "./clock.js";
import { h, icon, put } from "./dom.js";
import { dayAndTime, dayParts, duration, money, number, t, time } from "./i18n.js";
import { hasTurn, joinQueue, placeIn, watchPlace } from "./queue.js";
import { asyncButton, backLink, countdown, errorPanel, priceText, setTitle, skeleton, stateChip } from "./ui.js";
import { leftText, summary } from "./events.js";
import { poster } from "./poster.js";
import { isOffered, isResuming, signIn } from "./sign-in.js";

export async function show(root, { params: [id], signal }) {
  put(root, skeleton(5));
  const [event, queue] = await Promise.all([
    api.getEvent(id, { signal }),
    api.queueStatus(id, { signal }).catch(() => null),
  ]);
  setTitle(event.eventName);
  const way = h("section", { class: "panel way", "aria-labelledby": "way-title" });
  const problem = h("div", {});
  put(root,
    backLink(t("nav.events")),
    h("div", { class: "event-head" },
      h("div", { class: "event-art" }, poster(id)),
      h("div", { class: "event-title" },
        h("p", { class: "card-chips" }, stateChip(event.state), queue?.draw && h("span", { class: "chip" }, icon("dice"), t("draw.chip"))),
        h("h1", {}, event.eventName),
        h("p", { class: "where" }, icon("pin"), event.venue),
        whenLine(event))),
    h("div", { class: "columns" },
      h("div", { class: "main-column" }, event.admission === "general" ? generalFacts(event) : dates(event)),
      h("aside", { class: "side-column" }, way, problem, rules(event))));
  const draw = () => put(way, nextStep(event, queue, problem, signal, draw));
  draw();
  watchPlace(id, draw, signal);
  if (isResuming("join")) way.querySelector("[data-testid=join]")?.click();
}

function whenLine(event) {
  const { first, last } = summary(event);
  if (!first) return null;
  return h("p", { class: "when" }, icon("calendar"), first === last ? dayAndTime(first) : t("dates.span", { n: event.dates.length, first: dayAndTime(first) }));
}

/** What the user can do now, with one big button. */
function nextStep(event, queue, problem, signal, redraw) {
  const place = placeIn(event.eventId);
  const heading = (text) => h("h2", { id: "way-title" }, text);
  if (place?.status === "ACTIVE") {
    return [heading(t("way.inside")), h("p", {}, t("way.inside_text")),
      h("a", { class: "button big", href: href("e", event.eventId, "shop") }, t("way.to_shop"))];
  }
  if (place?.status === "WAITING") {
    return [heading(t("way.waiting")),
      h("p", {}, place.position ? t("way.waiting_text", { n: place.position }) : t("way.draw_text")),
      h("a", { class: "button big", href: href("e", event.eventId, "line") }, t("way.to_line"))];
  }
  if (event.state === "CLOSED") return [heading(t("way.closed")), h("p", {}, t("way.closed_text"))];
  const join = asyncButton(h("button", { type: "button", class: "button big", "data-testid": "join" }, joinText(event, queue)), async () => {
    put(problem);
    try {
      await joinQueue(event.eventId);
      if (!signal.aborted) go("e", event.eventId, hasTurn(event.eventId) ? "shop" : "line");
    } catch (error) {
      put(problem, errorPanel(error, () => join.click()));
      // Joining goes on by itself when the user comes back.
      if (error.code === "sign_in" && isOffered()) await signIn("join").catch((failed) => put(problem, errorPanel(failed)));
    }
  });
  const opensIn = event.opensAt && Date.parse(event.opensAt) > now();
  return [
    heading(event.state === "NOT_OPEN" ? t("way.not_open") : t("way.open")),
    opensIn && h("p", { class: "opens" }, t("opens_at", { time: dayAndTime(event.opensAt) })),
    opensIn && h("p", { class: "opens-in" }, h("span", {}, t("opens_in")), " ", countdown(event.opensAt, signal, { label: t("opens_in"), onZero: () => { event.state = "OPEN"; redraw(); } })),
    queue && (queue.waiting > 0 || queue.state === "OPEN") && h("p", { class: "quiet-text" }, queue.waiting > 0 ? t("way.people_wait", { n: queue.waiting }) : t("way.nobody_waits")),
    queue?.draw && h("p", {}, t("draw.join_text")),
    event.state === "PAUSED" && h("p", {}, t("way.paused_text")),
    event.availableTickets === 0 && h("p", {}, t("way.sold_out_text")),
    join,
    queue?.draw && h("p", {}, h("a", { href: href("e", event.eventId, "draw") }, t("draw.how"))),
  ];
}

function joinText(event, queue) {
  if (event.state === "NOT_OPEN") return t(queue?.draw ? "way.join_draw" : "way.join_early");
  return t(queue?.waiting > 0 || event.state === "PAUSED" ? "way.join_line" : "way.buy");
}

function dates(event) {
  const list = event.dates.map((date) => {
    const { month, day, weekday } = dayParts(date.startsAt);
    const begun = Date.parse(date.startsAt) <= now();
    return h("li", { class: `date-row ${date.availableSeats === 0 || begun ? "none" : ""}` },
      h("div", { class: "day", "aria-hidden": "true" }, h("span", {}, month), h("b", {}, day), h("span", {}, weekday)),
      h("div", { class: "date-body" },
        h("p", { class: "date-time" }, h("span", { class: "unseen" }, dayAndTime(date.startsAt)), h("span", { "aria-hidden": "true" }, time(date.startsAt))),
        h("ul", { class: "prices" }, date.sections.map((section) => h("li", {}, h("span", {}, section.name), " ", h("b", {}, money(section.price, event.currency)))))),
      availability(date, begun));
  });
  return [h("h2", {}, t("dates.title")), h("ul", { class: "dates" }, list)];
}

/** How many seats are left, in words and as a bar. */
export function availability(date, begun) {
  const share = date.totalSeats ? date.availableSeats / date.totalSeats : 0;
  const words = begun ? t("begun") : date.availableSeats === 0 ? t("sold_out") : t("left.seats", { n: date.availableSeats, total: number(date.totalSeats) });
  const bar = h("i", {});
  bar.style.setProperty("--share", String(share));
  return h("div", { class: "date-left" }, h("span", {}, words), h("span", { class: "gauge", "aria-hidden": "true" }, bar));
}

function generalFacts(event) {
  return [h("h2", {}, t("general.title")),
    h("div", { class: "panel general" },
      h("p", { class: "big-price" }, priceText(event.price ?? 0, event.currency), h("small", {}, t("general.each"))),
      h("p", {}, t("general.text")),
      h("p", { class: "left" }, leftText(event)))];
}

function rules(event) {
  const items = [
    t("rules.most", { n: event.maxSeatsPerUser }),
    event.admission === "seated" && t("rules.hold", { time: duration(event.holdSeconds) }),
    t("rules.wallet"),
    event.closesAt && t("rules.closes", { time: dayAndTime(event.closesAt) }),
  ];
  return h("section", { class: "rules", "aria-labelledby": "rules-title" },
    h("h2", { id: "rules-title" }, t("rules.title")),
    h("ul", {}, items.filter(Boolean).map((text) => h("li", {}, text))));
}

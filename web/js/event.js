// The page of one event: what it is, its dates, prices, and the button to get tickets.

import { facts, place, texts } from "./about.js";
import { go, href } from "./address.js";
import * as api from "./api.js";
import { saveCalendarFile } from "./calendar-file.js";
import { chooseDate, chosenDate, shopAddress } from "./chosen-date.js";
import { now } from "./clock.js";
import { canBuy, dateChooser } from "./dates.js";
import { announce, h, icon, put } from "./dom.js";
import { feeNote, ticketPrice } from "./fees.js";
import { dayAndTime, days, duration, money, movedFrom, t } from "./i18n.js";
import { picture } from "./picture.js";
import { codeField, needsCode, nextOpening, presaleFacts } from "./presale.js";
import { hasTurn, joinQueue, placeIn, watchPlace } from "./queue.js";
import { isOffered, isResuming, signIn } from "./sign-in.js";
import { leftText } from "./events.js";
import { asyncButton, backLink, countdown, errorPanel, priceText, setTitle, skeleton, stateChip, stateOf } from "./ui.js";

/** How many other dates are offered in place of one that is sold out. */
const MOST_OTHERS = 4;

export async function show(root, { params: [id], signal }) {
  put(root, skeleton(5));
  const [event, queue] = await Promise.all([
    api.getEvent(id, { signal }),
    api.queueStatus(id, { signal }).catch(() => null),
  ]);
  setTitle(event.eventName);
  new EventPage(event, queue, signal).show(root);
}

class EventPage {
  constructor(event, queue, signal) {
    Object.assign(this, { event, queue, signal });
    this.way = h("section", { class: "panel way", "aria-labelledby": "way-title" });
    this.problem = h("div", {});
    this.code = codeField(event.eventId);
    this.main = h("div", { class: "main-column" });
    this.facts = h("div", {});
    this.returns = h("li", {});
  }

  show(root) {
    const { event, queue, signal } = this;
    put(root,
      backLink(t("nav.events")),
      h("div", { class: "event-head" },
        h("div", { class: "event-art" }, picture(event, "(min-width: 44rem) 32rem, 100vw", true)),
        h("div", { class: "event-title" },
          h("p", { class: "card-chips" }, stateChip(stateOf(event), event.availableTickets, event.totalTickets), queue?.draw && h("span", { class: "chip" }, icon("dice"), t("draw.chip"))),
          h("h1", {}, event.eventName),
          event.artists?.length > 0 && h("p", { class: "artists" }, event.artists.join(" · ")),
          whenLine(event),
          place(event))),
      // In the order of a narrow screen: the dates, how to get tickets, and then everything else.
      h("div", { class: "columns event-columns" },
        this.main,
        h("aside", { class: "side-column" }, this.way, this.problem, prices(event), this.rules()),
        h("div", { class: "main-column event-more" }, this.facts, texts(event))));
    this.draw();
    watchPlace(event.eventId, () => this.drawWay(), signal);
    if (isResuming("join")) this.way.querySelector("[data-testid=join]")?.click();
  }

  /** The chosen date, or the only one. */
  date() {
    const { dates = [], eventId } = this.event;
    return dates.find((date) => date.date === chosenDate(eventId)) ?? (dates.length === 1 ? dates[0] : undefined);
  }

  draw() {
    const { event } = this;
    put(this.main, event.admission === "general" ? generalFacts(event) : this.dates());
    this.drawChoice();
  }

  /** What depends on the chosen date. */
  drawChoice() {
    const { event } = this;
    const date = this.date();
    put(this.facts, facts(event, date));
    const until = date?.cancelUntil ?? event.cancelUntil ?? event.dates?.find(canBuy)?.cancelUntil;
    this.returns.hidden = !until || Date.parse(until) <= now();
    put(this.returns, until && t("return.until", { time: dayAndTime(until, event.timeZone) }));
    this.drawWay();
  }

  drawWay() {
    put(this.way, this.nextStep());
  }

  dates() {
    const { event } = this;
    const chosen = chosenDate(event.eventId);
    const control = (date, text) => {
      if (hasTurn(event.eventId) && canBuy(date)) return h("a", { class: "card-link", href: href("e", event.eventId, "shop", date.date) }, text);
      return h("button", { type: "button", class: "card-link", "data-testid": "choose-date", "data-date": date.date, "aria-pressed": String(date.date === chosen), onclick: () => this.choose(date) }, text);
    };
    return [h("h2", {}, t("dates.title")), h("p", { class: "quiet-text" }, t("dates.choose")), dateChooser(event, event.dates, { control, chosen })];
  }

  choose(date) {
    const { event } = this;
    const isChosen = chosenDate(event.eventId) === date.date;
    chooseDate(event.eventId, isChosen ? null : date.date);
    this.draw();
    this.main.querySelector(`[data-date="${date.date}"]`)?.focus({ preventScroll: true });
    if (!isChosen) {
      announce(t("dates.chosen", { time: dayAndTime(date.startsAt, event.timeZone) }));
      this.way.scrollIntoView({ block: "nearest" });
    }
  }

  /** What the user can do now, with one big button. */
  nextStep() {
    const { event, queue, signal } = this;
    const place = placeIn(event.eventId);
    const date = this.date();
    const heading = (text) => h("h2", { id: "way-title" }, text);
    const choice = event.dates?.length > 1 && date && h("p", { class: "when" }, icon("calendar"), dayAndTime(date.startsAt, event.timeZone));
    if (place?.status === "ACTIVE") {
      return [heading(t("way.inside")), h("p", {}, t("way.inside_text")), choice,
        h("a", { class: "button big", href: href(...shopAddress(event.eventId)) }, t("way.to_shop"))];
    }
    if (place?.status === "WAITING") {
      return [heading(t("way.waiting")),
        h("p", {}, !place.position ? t("way.draw_text") : place.lanes > 1 ? t("way.ahead_text", { n: place.ahead }) : t("way.waiting_text", { n: place.position })), choice,
        h("a", { class: "button big", href: href("e", event.eventId, "line") }, t("way.to_line"))];
    }
    if (event.cancelledAt) {
      return [heading(t("way.cancelled")), h("p", {}, t("way.cancelled_text")),
        h("a", { class: "button", href: href("tickets") }, t("nav.tickets")), h("a", { class: "button quiet", href: href() }, t("way.other_events"))];
    }
    if (event.state === "CLOSED") {
      return [heading(t("way.closed")), h("p", {}, t("way.closed_text")), h("a", { class: "button quiet", href: href() }, t("way.other_events"))];
    }
    const opening = nextOpening(event);
    const withCode = needsCode(event);
    const isNext = opening === event.opensAt ? "opens_at" : "presale.opens_at";
    return [
      heading(t(opening ? (withCode ? "presale.soon" : "way.not_open") : withCode ? "presale.title" : "way.open")),
      choice,
      date && !canBuy(date) && this.others(date),
      withCode && presaleFacts(event),
      opening && h("p", { class: "opens" }, t(isNext, { time: dayAndTime(opening, event.timeZone) })),
      opening && h("p", { class: "opens-in" }, h("span", {}, t("opens_in")), " ", countdown(opening, signal, { label: t("opens_in"), onZero: () => { event.state = "OPEN"; this.drawWay(); } })),
      queue && (queue.waiting > 0 || queue.state === "OPEN") && h("p", { class: "quiet-text" }, queue.waiting > 0 ? t("way.people_wait", { n: queue.waiting }) : t("way.nobody_waits")),
      queue?.draw && h("p", {}, t("draw.join_text")),
      event.state === "PAUSED" && h("p", {}, t("way.paused_text")),
      event.availableTickets === 0 && h("p", {}, t("way.sold_out_text")),
      (withCode || this.asksCode) && this.code.field,
      this.joinButton(),
      opening && openingFile(event, opening),
      queue?.draw && h("p", {}, h("a", { href: href("e", event.eventId, "draw") }, t("draw.how"))),
    ];
  }

  /** In place of a date that is sold out or has begun: others that have seats. */
  others(date) {
    const others = this.event.dates.filter(canBuy).slice(0, MOST_OTHERS);
    return h("div", { class: "notice" }, icon("calendar"), h("div", {},
      date.cancelledAt && h("p", { "data-testid": "date-cancelled" }, t("error.date_cancelled")),
      (!date.cancelledAt || others.length > 0) && h("p", {}, t(others.length > 0 ? "way.date_gone_others" : "way.date_gone", { time: dayAndTime(date.startsAt, this.event.timeZone) })),
      h("div", { class: "actions" }, others.map((other) => h("button", { type: "button", class: "button small quiet", "data-testid": "other-date", onclick: () => this.choose(other) }, dayAndTime(other.startsAt, this.event.timeZone))))));
  }

  joinButton() {
    const { event, queue, signal, problem } = this;
    const join = asyncButton(h("button", { type: "button", class: "button big", "data-testid": "join" }, joinText(event, queue)), async () => {
      put(problem);
      try {
        await joinQueue(event.eventId);
        if (!signal.aborted) go(...(hasTurn(event.eventId) ? shopAddress(event.eventId) : ["e", event.eventId, "line"]));
      } catch (error) {
        put(problem, errorPanel(error, () => join.click()));
        this.complainOfCode(error);
        // Joining goes on by itself when the user comes back.
        if (error.code === "sign_in" && isOffered()) await signIn("join").catch((failed) => put(problem, errorPanel(failed)));
      }
    });
    return join;
  }

  /** The sale has changed since the page was loaded, or the code is wrong. */
  complainOfCode(error) {
    if (!error.code?.startsWith("code_")) return;
    this.asksCode = true;
    this.drawWay();
    this.code.complain();
  }

  rules() {
    const { event } = this;
    const items = [
      t("rules.most", { n: event.maxSeatsPerUser }),
      event.admission === "seated" && t("rules.hold", { time: duration(event.holdSeconds) }),
      t("rules.wallet"),
      event.closesAt && t("rules.closes", { time: dayAndTime(event.closesAt, event.timeZone) }),
    ];
    return h("section", { class: "rules", "aria-labelledby": "rules-title" },
      h("h2", { id: "rules-title" }, t("rules.title")),
      h("ul", {}, this.returns, items.filter(Boolean).map((text) => h("li", {}, text))));
  }
}

function whenLine(event) {
  const held = event.dates?.filter((date) => !date.cancelledAt);
  const starts = (held?.length > 0 ? held : event.dates)?.map((date) => date.startsAt) ?? [event.startsAt].filter(Boolean);
  if (starts.length === 0) return null;
  const text = starts.length === 1 ? dayAndTime(starts[0], event.timeZone) : t("dates.span", { n: starts.length, days: days(starts[0], starts.at(-1), event.timeZone) });
  const moved = movedFrom(event, event.timeZone);
  return [h("p", { class: "when" }, icon("calendar"), text), moved && h("p", { class: "quiet-text", "data-testid": "moved-from" }, moved)];
}

/** A button that saves the opening of the sale for the user's calendar. */
function openingFile(event, opening) {
  const url = new URL(href("e", event.eventId), location.href).href;
  const save = () => saveCalendarFile(`${event.eventId}-sale`, {
    uid: `${event.eventId}-sale@${location.host}`,
    title: t("way.opening_title", { event: event.eventName }),
    startsAt: opening,
    text: url,
    url,
    remindMinutes: 10,
  });
  return h("button", { type: "button", class: "button quiet", "data-testid": "opening-file", onclick: save }, icon("calendar"), t("way.opening_file"));
}

function joinText(event, queue) {
  if (event.state === "NOT_OPEN") return t(queue?.draw ? "way.join_draw" : "way.join_early");
  return t(queue?.waiting > 0 || event.state === "PAUSED" ? "way.join_line" : "way.buy");
}

/** The prices of all sections; from the lowest to the highest if dates differ. */
function prices(event) {
  if (event.admission === "general") return null;
  const bySection = new Map();
  for (const { name, price } of event.dates.flatMap((date) => date.sections)) bySection.set(name, [...(bySection.get(name) ?? []), ticketPrice(event, price)]);
  const text = (amounts) => {
    const [least, most] = [Math.min(...amounts), Math.max(...amounts)];
    return least === most ? priceText(least, event.currency) : `${money(least, event.currency)} – ${money(most, event.currency)}`;
  };
  return h("section", { class: "price-list", "aria-labelledby": "prices-title" },
    h("h2", { id: "prices-title" }, t("prices.title")),
    h("dl", { class: "sums" }, [...bySection].map(([name, amounts]) => h("div", {}, h("dt", {}, name), h("dd", {}, text(amounts))))),
    feeNote(event));
}

function generalFacts(event) {
  return [h("h2", {}, t("general.title")),
    h("div", { class: "panel general" },
      h("p", { class: "big-price" }, priceText(ticketPrice(event, event.price ?? 0), event.currency), h("small", {}, t("general.each"))),
      feeNote(event),
      h("p", {}, t("general.text")),
      h("p", { class: "left" }, leftText(event)))];
}

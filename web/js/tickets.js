// My tickets: the user's reservations. Upcoming ones first, the soonest at the top, then past and cancelled ones.

import { go, href } from "./address.js";
import * as api from "./api.js";
import { followCharge, openCheckouts } from "./checkouts.js";
import { now } from "./clock.js";
import { announce, h, icon, put } from "./dom.js";
import { takeBack, usersAside } from "./identity.js";
import { t } from "./i18n.js";
import { canStandIn, keepTicket, keptTickets } from "./kept-tickets.js";
import { rememberHold } from "./holds.js";
import { currencyOf, startOf, whenText } from "./purchase.js";
import { asyncButton, emptyPanel, errorPanel, notice, priceText, setTitle, signInButton, skeleton } from "./ui.js";
import { poster } from "./poster.js";
import { isOffered, ready } from "./sign-in.js";

const ICONS = { HELD: "clock", CONFIRMED: "check", CANCELLED: "minus", EXPIRED: "lock" };
/** How long after its start a concert counts as past: long enough for latecomers. */
const PAST_AFTER_MS = 6 * 3600000;

/** When the concert starts, in epoch milliseconds. If only the day is known, its end. Infinity if nothing is. */
function startMs({ reservation, event }) {
  const start = startOf(reservation, event);
  if (start) return Date.parse(start);
  return reservation.date ? Date.parse(`${reservation.date.slice(0, 10)}T23:59:59Z`) : Infinity;
}

const isUpcoming = (item) => item.reservation.status === "HELD"
  || (item.reservation.status === "CONFIRMED" && startMs(item) + PAST_AFTER_MS > now());

/** Unpaid ones first, because their time runs, and then the soonest. */
const bySoonest = (a, b) => Number(b.reservation.status === "HELD") - Number(a.reservation.status === "HELD") || startMs(a) - startMs(b);

export async function show(root, { signal }) {
  setTitle(t("nav.tickets"));
  const page = new TicketsPage(root, signal);
  const canAsk = keptTickets().length > 0 && navigator.onLine === false ? false : await api.hasToken();
  if (signal.aborted) return;
  if (canAsk) await page.load();
  else if (keptTickets().length > 0) page.drawKept();
  else if (isOffered()) put(root, page.head, emptyPanel("lock", t("tickets.sign_in"), t("tickets.sign_in_text"), signInButton()));
  else page.drawNone();
}

class TicketsPage {
  constructor(root, signal) {
    Object.assign(this, { root, signal, items: [], events: new Map(), followed: new Set() });
    this.head = h("h1", {}, t("nav.tickets"));
    this.lists = h("div", { class: "ticket-lists" });
    this.more = h("div", { class: "actions" });
  }

  async load() {
    put(this.root, this.head, skeleton(4));
    try {
      await this.page();
    } catch (error) {
      if (this.signal.aborted) return;
      if (canStandIn(error) && keptTickets().length > 0) this.drawKept();
      else put(this.root, this.head, errorPanel(error, () => this.load()));
    }
  }

  /** Loads the next page, or the first one again. */
  async page(again = false) {
    const attempts = keptTickets().length > 0 && this.items.length === 0 ? { attempts: 2 } : {};
    const answer = await api.listReservations({ cursor: again ? undefined : this.cursor, signal: this.signal, ...attempts });
    this.cursor = answer.nextCursor;
    const items = await Promise.all(answer.reservations.map(async (reservation) => ({ reservation, event: await this.eventOf(reservation) })));
    if (this.signal.aborted) return;
    for (const { reservation, event } of items) {
      rememberHold(reservation);
      keepTicket(reservation, event);
    }
    this.items = again ? items : [...this.items, ...items];
    if (this.items.length === 0) this.drawNone();
    else this.draw();
    this.followPayments();
  }

  /** Follows each payment at the payment provider until it has ended, and then shows what it has changed. */
  followPayments() {
    const held = this.items.map(({ reservation }) => reservation).filter(({ status }) => status === "HELD");
    for (const { chargeId } of [...openCheckouts().filter(({ payFor }) => payFor), ...held]) {
      if (!chargeId || this.followed.has(chargeId)) continue;
      this.followed.add(chargeId);
      let last;
      followCharge(chargeId, (charge) => { last = charge; }, this.signal).then(async (hasEnded) => {
        if (!hasEnded) return;
        if (last.purchase === "PAID") announce(t("pay.done"));
        await this.page(true);
      }).catch(() => {});
    }
  }

  /** The event, loaded once, if the reservation does not tell what is shown. */
  eventOf(reservation) {
    if (reservation.startsAt && reservation.venue && reservation.currency) return null;
    const { eventId } = reservation;
    if (!this.events.has(eventId)) this.events.set(eventId, api.getEvent(eventId, { signal: this.signal, attempts: 2 }).catch(() => null));
    return this.events.get(eventId);
  }

  draw() {
    const focused = document.activeElement?.getAttribute("href");
    const upcoming = this.items.filter(isUpcoming).sort(bySoonest);
    const others = this.items.filter((item) => !isUpcoming(item));
    const list = (name, title, items) => items.length > 0 && h("section", { class: "ticket-list", "aria-labelledby": `list-${name}`, "data-testid": name },
      h("h2", { id: `list-${name}` }, title),
      h("ul", { class: "reservations" }, items.map(row)));
    put(this.lists,
      upcoming.length === 0 && h("p", { class: "quiet-text" }, t("tickets.none_upcoming")),
      list("upcoming", t("tickets.upcoming"), upcoming), list("past", t("tickets.past"), others));
    put(this.more, this.cursor && asyncButton(h("button", { type: "button", class: "button quiet" }, t("more")), async () => {
      try {
        await this.page();
      } catch (error) {
        if (!this.signal.aborted) put(this.more, errorPanel(error, () => this.page()));
      }
    }));
    put(this.root, this.head, this.lists, this.more, this.devices());
    if (focused) [...this.lists.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus({ preventScroll: true });
  }

  /** The tickets that this browser keeps, until the network is back. */
  drawKept() {
    this.items = keptTickets();
    this.draw();
    this.head.after(notice(t("tickets.stored")));
    window.addEventListener("online", () => {
      this.items = [];
      this.cursor = undefined;
      this.load();
    }, { once: true, signal: this.signal });
  }

  drawNone() {
    put(this.root, this.head, emptyPanel("ticket", t("tickets.none"), t("tickets.none_text"), h("a", { class: "button", href: href() }, t("nav.events"))), this.devices());
  }

  /** The way to the user's other devices, and back to what this one kept before. Users of an issuer sign in there instead. */
  devices() {
    const box = h("div", { class: "devices" });
    ready().then((isSignedIn) => {
      if (isSignedIn || this.signal.aborted) return;
      put(box,
        h("a", { class: "button quiet", "data-testid": "move", href: href("tickets", "move") }, icon("share"), t("move.title")),
        usersAside().map((user) => h("div", { class: "notice", "data-testid": "users-aside" }, icon("ticket"), h("div", {},
          h("p", {}, t("move.kept")),
          h("button", { type: "button", class: "button small quiet", "data-testid": "take-back", onclick: () => { takeBack(user); go("tickets"); } }, t("move.back"))))));
    });
    return box;
  }
}

function row({ reservation, event }) {
  const status = reservation.status.toLowerCase();
  const places = reservation.seats.length ? t("seats.count", { n: reservation.seats.length }) : t("tickets", { n: reservation.quantity });
  return h("li", { class: `reservation ${status}` },
    h("div", { class: "thumb" }, poster(reservation.eventId)),
    h("div", { class: "reservation-body" },
      h("p", {}, h("span", { class: `chip reservation-${status}` }, icon(ICONS[reservation.status]), t(`reservation.${reservation.status}`))),
      h("h3", {}, h("a", { class: "card-link", href: href("tickets", reservation.reservationId) }, reservation.eventName)),
      h("p", { class: "quiet-text" }, [whenText(reservation, event), reservation.venue ?? event?.venue].filter(Boolean).join(" · "))),
    h("div", { class: "reservation-sum" }, h("p", {}, places), h("p", { class: "price" }, priceText(reservation.totalPrice, currencyOf(reservation, event)))));
}

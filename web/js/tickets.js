// My tickets: the user's reservations, newest first.

import { href } from "./address.js";
import * as api from "./api.js";
import { h, icon, put } from "./dom.js";
import { dayAndTime, money, t } from "./i18n.js";
import { rememberHold } from "./holds.js";
import { asyncButton, emptyPanel, errorPanel, priceText, setTitle, signInButton, skeleton } from "./ui.js";
import { poster } from "./poster.js";
import { isOffered } from "./sign-in.js";
import { get } from "./storage.js";

const ICONS = { HELD: "clock", CONFIRMED: "check", CANCELLED: "minus", EXPIRED: "lock" };

export async function show(root, { signal }) {
  setTitle(t("nav.tickets"));
  const head = h("h1", {}, t("nav.tickets"));
  const none = () => put(root, head, emptyPanel("ticket", t("tickets.none"), t("tickets.none_text"), h("a", { class: "button", href: href() }, t("nav.events"))));
  if (!(await api.hasToken())) {
    if (isOffered()) put(root, head, emptyPanel("lock", t("tickets.sign_in"), t("tickets.sign_in_text"), signInButton()));
    else none();
    return;
  }
  put(root, head, skeleton(4));
  const list = h("ul", { class: "reservations" });
  const more = h("div", { class: "actions" });
  const events = new Map();
  let cursor;
  const page = async () => {
    try {
      const answer = await api.listReservations({ cursor, signal });
      cursor = answer.nextCursor;
      if (!list.isConnected) {
        if (answer.reservations.length === 0) {
          none();
          return;
        }
        put(root, head, list, more);
      }
      for (const reservation of answer.reservations) {
        rememberHold(reservation);
        list.append(item(reservation, events, signal));
      }
      put(more, cursor && asyncButton(h("button", { type: "button", class: "button quiet" }, t("more")), page));
    } catch (error) {
      if (!signal.aborted) put(list.isConnected ? more : root, list.isConnected ? null : head, errorPanel(error, page));
    }
  };
  await page();
}

function item(reservation, events, signal) {
  const currency = get("currency") ?? "KRW";
  const when = h("p", { class: "quiet-text" }, reservation.date ? reservation.date.replace("T", " ") : "");
  const price = h("p", { class: "price" }, reservation.totalPrice === 0 ? t("free") : money(reservation.totalPrice, currency));
  const places = reservation.seats.length ? t("seats.count", { n: reservation.seats.length }) : t("tickets", { n: reservation.quantity });
  // Each event is loaded once, for the time of the date and the currency.
  if (!events.has(reservation.eventId)) events.set(reservation.eventId, api.getEvent(reservation.eventId, { signal }).catch(() => null));
  events.get(reservation.eventId).then((event) => {
    const date = event?.dates?.find((it) => it.date === reservation.date);
    if (event) {
      put(when, [date && dayAndTime(date.startsAt, event.timeZone), event.venue].filter(Boolean).join(" · "));
      put(price, priceText(reservation.totalPrice, event.currency));
    }
  });
  return h("li", { class: `reservation ${reservation.status.toLowerCase()}` },
    h("div", { class: "thumb" }, poster(reservation.eventId)),
    h("div", { class: "reservation-body" },
      h("p", {}, h("span", { class: `chip reservation-${reservation.status.toLowerCase()}` }, icon(ICONS[reservation.status]), t(`reservation.${reservation.status}`))),
      h("h2", {}, h("a", { class: "card-link", href: href("tickets", reservation.reservationId) }, reservation.eventName)),
      when),
    h("div", { class: "reservation-sum" }, h("p", {}, places), price));
}

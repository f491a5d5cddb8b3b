// What a reservation is for: event, time, place, seats and price.

import { h } from "./dom.js";
import { reservedFees } from "./fees.js";
import { dateText, dayAndTime, money, t } from "./i18n.js";
import { seatName } from "./seating.js";
import { get } from "./storage.js";
import { priceText } from "./ui.js";

/** The date of the event that the reservation is for; undefined for general admission, or if the event is not known. */
const dateOf = ({ date }, event) => event?.dates?.find((it) => it.date === date);

/** When the concert starts, or undefined. */
export const startOf = (reservation, event) => reservation.startsAt ?? dateOf(reservation, event)?.startsAt ?? event?.startsAt;

/** Until when it can be returned, or undefined. */
export const returnableUntil = (reservation, event) => reservation.cancelUntil ?? dateOf(reservation, event)?.cancelUntil ?? event?.cancelUntil;

export const zoneOf = (reservation, event) => reservation.timeZone ?? event?.timeZone;

export const currencyOf = (reservation, event) => reservation.currency ?? event?.currency ?? get("currency") ?? "KRW";

/** Day and time of the concert as text, or null. */
export function whenText(reservation, event) {
  const start = startOf(reservation, event);
  if (start) return dayAndTime(start, zoneOf(reservation, event));
  return reservation.date ? dateText(reservation.date) : null;
}

/** A list of what the reservation is for. */
export function purchaseFacts(reservation, event) {
  const { seats } = reservation;
  const when = whenText(reservation, event);
  const venue = reservation.venue ?? event?.venue;
  const currency = currencyOf(reservation, event);
  const fees = reservedFees(reservation);
  const fact = (name, ...values) => h("div", {}, h("dt", {}, t(name)), values.map((value) => h("dd", {}, value)));
  return h("dl", { class: "facts" },
    when && fact("fact.when", when),
    venue && fact("fact.where", venue),
    seats.length > 0 ? fact("fact.seats", ...seats.map(seatName)) : fact("fact.tickets", t("tickets", { n: reservation.quantity })),
    fact("fact.price", priceText(reservation.totalPrice, currency), ...(fees > 0 ? [h("span", { class: "quiet-text" }, t("fees.included", { fee: money(fees, currency) }))] : [])));
}

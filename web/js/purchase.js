// What a reservation is for: event, time, place, seats and price.

import { now } from "./clock.js";
import { h, icon } from "./dom.js";
import { reservedFees } from "./fees.js";
import { dateText, dayAndTime, money, movedFrom, t } from "./i18n.js";
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

/** Whether everything that was paid is given back now: it was cancelled by the organiser, or postponed a short while ago. */
export const givesAllBack = ({ cancelledAt, returnsUntil }) => Boolean(cancelledAt) || Date.parse(returnsUntil) > now();

/** Tells the owner of a ticket that the plans have changed, and what follows. */
export function changedPlans(reservation, event) {
  const { cancelledAt, postponedFrom, returnsUntil } = reservation;
  const panel = (name, ...texts) => h("div", { class: "notice", "data-testid": name }, icon("calendar"), h("div", {}, texts.filter(Boolean).map((text) => h("p", {}, text))));
  if (cancelledAt) return panel("plan-cancelled", t("ticket.plan_cancelled"));
  if (!postponedFrom?.length) return null;
  const zone = zoneOf(reservation, event);
  return panel("plan-postponed", t("ticket.plan_postponed", { time: whenText(reservation, event) }), givesAllBack(reservation) && t("ticket.returns_until", { time: dayAndTime(returnsUntil, zone) }));
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
    when && fact("fact.when", when, ...[movedFrom(reservation, zoneOf(reservation, event))].filter(Boolean)),
    venue && fact("fact.where", venue),
    seats.length > 0 ? fact("fact.seats", ...seats.map(seatName)) : fact("fact.tickets", t("tickets", { n: reservation.quantity })),
    fact("fact.price", priceText(reservation.totalPrice, currency), ...(fees > 0 ? [h("span", { class: "quiet-text" }, t("fees.included", { fee: money(fees, currency) }))] : [])));
}

// The receipt of a reservation that was paid: who sold what to whom, and the money. Made to be printed.

import { redirect } from "./address.js";
import { h, icon, put } from "./dom.js";
import { loadTicket } from "./kept-tickets.js";
import { dayAndTime, money, number, t } from "./i18n.js";
import { currencyOf, whenText, zoneOf } from "./purchase.js";
import { seatName } from "./seating.js";
import { backLink, notice, setTitle, skeleton } from "./ui.js";

/** So much of a user id tells users apart on paper. */
const SHOWN_OF_USER_ID = 8;

export async function show(root, { params: [id], signal }) {
  put(root, skeleton(5));
  const { reservation, event, isFresh } = await loadTicket(id, signal);
  if (signal.aborted) return;
  if (!reservation.paymentId) {
    redirect("tickets", id);
    return;
  }
  setTitle(`${t("receipt.title")} · ${reservation.eventName}`);
  put(root, backLink(t("receipt.back"), "tickets", id), !isFresh && notice(t("ticket.stored")), receipt(reservation, event),
    h("div", { class: "actions no-print" }, h("button", { type: "button", class: "button", "data-testid": "print", onclick: () => window.print() }, icon("print"), t("ticket.print"))));
}

function receipt(reservation, event) {
  const zone = zoneOf(reservation, event);
  const fact = (name, ...values) => values.some(Boolean) && h("div", {}, h("dt", {}, t(name)), values.filter(Boolean).map((value) => h("dd", {}, value)));
  return h("article", { class: "panel receipt", "aria-labelledby": "receipt-title", "data-testid": "receipt" },
    h("h1", { id: "receipt-title" }, t("receipt.title")),
    h("dl", { class: "facts" },
      fact("receipt.seller", reservation.organizer, reservation.organizerTaxNumber && t("receipt.tax_number", { number: reservation.organizerTaxNumber }), reservation.organizerAddress),
      fact("receipt.number", reservation.paymentId),
      fact("receipt.date", reservation.paidAt && dayAndTime(reservation.paidAt, zone)),
      fact("receipt.buyer", reservation.userId.slice(0, SHOWN_OF_USER_ID)),
      fact("receipt.reservation", reservation.reservationId),
      fact("receipt.event", reservation.eventName, whenText(reservation, event), reservation.venue)),
    sums(reservation, currencyOf(reservation, event)));
}

/** What was paid: for the tickets that stayed, and for those that were given back before. */
function paid({ seats, quantity, fees, totalPrice, returned }) {
  const prices = totalPrice - (fees ? fees.tickets + fees.order : 0);
  const total = totalPrice + (returned ? returned.refunded + returned.keptFees : 0);
  const all = [...seats, ...(returned?.seats ?? [])];
  const count = quantity + (returned?.quantity ?? 0);
  // All tickets without seats have one price.
  const ofTickets = seats.length > 0 ? all.reduce((sum, { price }) => sum + price, 0) : (prices / quantity) * count;
  const order = fees?.order ?? 0;
  return { all, count, prices: ofTickets, ticketFees: total - ofTickets - order, order, total };
}

/** Tickets, fees, total, refund, and the tax in what is left. */
function sums(reservation, currency) {
  const { tax, refunded } = reservation;
  const { all, count, prices, ticketFees, order, total } = paid(reservation);
  const row = (name, amount, kind = "") => h("tr", { class: kind }, h("th", { scope: "row" }, name), h("td", {}, money(amount, currency)));
  return h("table", { class: "receipt-sums" },
    h("caption", { class: "unseen" }, t("receipt.sums")),
    h("tbody", {},
      all.length > 0 ? all.map((seat) => row(seatName(seat), seat.price)) : row(t("tickets", { n: count }), prices),
      ticketFees > 0 && row(t("receipt.ticket_fees", { n: count }), ticketFees),
      order > 0 && row(t("receipt.order_fee"), order),
      row(t("receipt.total"), total, "total-row"),
      refunded !== undefined && [row(t("receipt.refunded"), -refunded), row(t("receipt.left"), total - refunded, "total-row")],
      tax && row(t("receipt.tax", { rate: number(tax.rateBasisPoints / 100) }), tax.amount)));
}

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

/** Tickets, fees, total, refund, and the tax in what is left. */
function sums(reservation, currency) {
  const { seats, quantity, fees, totalPrice, tax, refunded } = reservation;
  const row = (name, amount, kind = "") => h("tr", { class: kind }, h("th", { scope: "row" }, name), h("td", {}, money(amount, currency)));
  const prices = totalPrice - (fees ? fees.tickets + fees.order : 0);
  return h("table", { class: "receipt-sums" },
    h("caption", { class: "unseen" }, t("receipt.sums")),
    h("tbody", {},
      seats.length > 0 ? seats.map((seat) => row(seatName(seat), seat.price)) : row(t("tickets", { n: quantity }), prices),
      fees?.tickets > 0 && row(t("receipt.ticket_fees", { n: quantity }), fees.tickets),
      fees?.order > 0 && row(t("receipt.order_fee"), fees.order),
      row(t("receipt.total"), totalPrice, "total-row"),
      refunded !== undefined && [row(t("receipt.refunded"), -refunded), row(t("receipt.left"), totalPrice - refunded, "total-row")],
      tax && row(t("receipt.tax", { rate: number(tax.rateBasisPoints / 100) }), tax.amount)));
}

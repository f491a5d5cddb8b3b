// Giving a part of a reservation's tickets back: which ones, and what is refunded for them.

import { h } from "./dom.js";
import { money, t } from "./i18n.js";
import { seatName } from "./seating.js";

const sum = (amounts) => amounts.reduce((total, amount) => total + amount, 0);

/** The fee of one ticket with a price. */
function ticketFee({ seats, quantity, fees }) {
  const withFee = seats.length > 0 ? seats.filter(({ price }) => price > 0).length : quantity;
  return withFee > 0 ? (fees?.tickets ?? 0) / withFee : 0;
}

/** What the API gives back for tickets at these prices. */
function refundOf(reservation, prices) {
  if (prices.length === reservation.quantity) return reservation.refundable;
  const fees = reservation.fees?.refundable ? prices.filter((price) => price > 0).length * ticketFee(reservation) : 0;
  return sum(prices) + fees;
}

/** The price of a ticket without a seat. */
function ticketPrice({ totalPrice, quantity, fees }) {
  return (totalPrice - (fees ? fees.tickets + fees.order : 0)) / quantity;
}

/** Chooses some of the tickets: `element` to show, and `chosen()` for the API. */
export class PartForm {
  constructor(reservation, currency) {
    Object.assign(this, { reservation, currency });
    this.refund = h("p", { role: "status", "data-testid": "part-refund" });
    const fields = reservation.seats.length > 0 ? this.seatFields() : this.quantityField();
    this.element = h("div", { class: "part" }, fields, this.refund);
    this.changed();
  }

  seatFields() {
    const { reservation, currency } = this;
    this.boxes = reservation.seats.map((seat) => h("input", { type: "checkbox", name: "seat", value: String(seat.seatNumber), onchange: () => this.changed() }));
    return h("fieldset", { class: "choices", "data-testid": "part-seats" },
      h("legend", {}, t("part.seats")),
      reservation.seats.map((seat, i) => h("label", { class: "choice" }, this.boxes[i], h("span", {}, seatName(seat), h("span", { class: "quiet-text" }, money(seat.price, currency))))));
  }

  quantityField() {
    const { quantity } = this.reservation;
    this.select = h("select", { "data-testid": "part-quantity", onchange: () => this.changed() },
      Array.from({ length: quantity - 1 }, (_, i) => h("option", { value: String(i + 1) }, t("tickets", { n: i + 1 }))));
    return h("label", { class: "field" }, h("span", {}, t("part.quantity")), this.select);
  }

  prices() {
    const { reservation } = this;
    if (this.select) return Array.from({ length: Number(this.select.value) }, () => ticketPrice(reservation));
    return reservation.seats.filter((_, i) => this.boxes[i].checked).map(({ price }) => price);
  }

  changed() {
    const prices = this.prices();
    this.boxes?.[0].setCustomValidity(prices.length > 0 ? "" : t("part.choose"));
    this.refund.textContent = prices.length > 0 ? t("part.refund", { price: money(refundOf(this.reservation, prices), this.currency) }) : "";
  }

  /** The part as the API names it: the seats that go, or how many tickets stay. */
  chosen() {
    if (this.select) return { keep: this.reservation.quantity - Number(this.select.value) };
    return { seats: this.boxes.filter((box) => box.checked).map((box) => box.value).join(",") };
  }
}

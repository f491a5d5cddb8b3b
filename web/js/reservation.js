// The page of a reservation: the payment while it is held, the ticket once it is paid.

import { href } from "./address.js";
import * as api from "./api.js";
import { now } from "./clock.js";
import { saveCalendarFile } from "./calendar-file.js";
import { alarm, announce, confirm, focusHeading, h, icon, put } from "./dom.js";
import { refundText } from "./fees.js";
import { money, t } from "./i18n.js";
import { forgetHold, rememberHold } from "./holds.js";
import { loadTicket } from "./kept-tickets.js";
import { pendingPayment, toppedUp } from "./payment.js";
import { payingView } from "./paying.js";
import { picture } from "./picture.js";
import { changedPlans, currencyOf, givesAllBack, purchaseFacts, startOf, whenText } from "./purchase.js";
import { seatName } from "./seating.js";
import { shareButton } from "./share.js";
import { refundChoice } from "./refund-choice.js";
import { PartForm } from "./return-part.js";
import { codeImage, codeText } from "./ticket-code.js";
import { refusalPanel } from "./turn.js";
import { asyncButton, backLink, errorPanel, errorText, notice, priceText, setTitle, skeleton } from "./ui.js";
import { get, set, watch } from "./storage.js";
import { withdrawalProgress } from "./withdrawals.js";

export async function show(root, { params: [id], signal }) {
  put(root, skeleton(5));
  const page = new ReservationPage(root, id, signal);
  await page.reload();
  // Reloads when the reservation is paid or released in another tab.
  watch((key) => { if (key === `hold.${id}` && !get(key) && !page.busy) page.reload().catch(() => {}); }, signal);
}

class ReservationPage {
  constructor(root, id, signal) {
    Object.assign(this, { root, id, signal });
  }

  async reload() {
    const wasPaying = pendingPayment(this.id) !== null;
    const { reservation, event, isFresh } = await loadTicket(this.id, this.signal);
    if (this.signal.aborted) return;
    // It was paid just after it was loaded.
    if (wasPaying && !pendingPayment(this.id) && reservation.status === "HELD") {
      await this.reload();
      return;
    }
    const isAgain = this.reservation !== undefined;
    this.inner?.abort();
    this.inner = new AbortController();
    this.signal.addEventListener("abort", () => this.inner.abort());
    this.reservation = reservation;
    this.event = event;
    this.currency = currencyOf(reservation, event);
    set("currency", this.currency);
    rememberHold(reservation);
    setTitle(reservation.eventName);
    this.problem = h("div", {});
    const view = { HELD: () => this.held(), CONFIRMED: () => this.ticket(isFresh), CANCELLED: () => this.ended(), EXPIRED: () => this.lapsed() }[reservation.status];
    put(this.root, backLink(t("nav.tickets"), "tickets"), view());
    if (isAgain) focusHeading(this.root);
    // The ticket may have been cancelled elsewhere since it was stored.
    if (!isFresh) api.getReservation(this.id, { signal: this.inner.signal }).then(() => this.reload()).catch(() => {});
  }

  head(text) {
    return h("div", { class: "view-head" }, h("div", {}, h("h1", {}, text), h("p", { class: "lead" }, this.reservation.eventName)));
  }

  // --- HELD

  held() {
    return payingView(this, {
      reservation: this.reservation, event: this.event, signal: this.inner.signal, problem: this.problem,
      release: () => this.cancel({ title: t("hold.release_title"), text: t("hold.release_text"), yes: t("hold.release_yes"), no: t("keep") }),
    });
  }

  atZero() {
    if (this.busy || pendingPayment(this.id)) return;
    alarm(t("hold.over"));
    // The API decides: the reservation may have been paid in the last second.
    setTimeout(() => { if (!this.signal.aborted) this.reload().catch((error) => put(this.root, errorPanel(error, () => this.reload()))); }, 1200);
  }

  // --- CONFIRMED

  ticket(isFresh) {
    const { reservation } = this;
    const startsAt = startOf(reservation, this.event);
    const started = startsAt && Date.parse(startsAt) <= now();
    const isNew = now() - Date.parse(reservation.modifiedAt) < 60000;
    const give = asyncButton(h("button", { type: "button", class: "button quiet", "data-testid": "cancel" }, t("ticket.cancel")), () => this.giveBack());
    const givePart = reservation.partialReturns && reservation.quantity > 1
      && asyncButton(h("button", { type: "button", class: "button quiet", "data-testid": "return-part" }, t("part.give")), () => this.giveBackPart());
    return [
      !isFresh && notice(t("ticket.stored")),
      changedPlans(reservation, this.event),
      isNew && h("div", { class: "notice good", "data-testid": "done" }, icon("check"), h("p", {}, t("ticket.new"))),
      h("article", { class: "ticket", "aria-labelledby": "ticket-title" },
        h("div", { class: "ticket-art" }, picture({ eventId: reservation.eventId, image: this.event?.image }, "(min-width: 44rem) 40rem, 100vw", true)),
        h("div", { class: "ticket-body" },
          h("p", { class: "eyebrow" }, t("ticket.eyebrow")),
          h("h1", { id: "ticket-title" }, reservation.eventName),
          purchaseFacts(reservation, this.event)),
        h("div", { class: "ticket-stub" }, codeImage(codeText(reservation), t("ticket.code")), h("p", { class: "ticket-id" }, reservation.reservationId))),
      this.passes(),
      h("div", { class: "actions spread no-print" },
        startsAt && !started && !reservation.cancelledAt && h("button", { type: "button", class: "button quiet", "data-testid": "calendar", onclick: () => this.saveToCalendar(startsAt) }, icon("calendar"), t("ticket.calendar")),
        // The event, not the ticket: whoever has the ticket's code could enter with it.
        shareButton(t("ticket.share"), { title: reservation.eventName, text: t("ticket.share_text", { event: reservation.eventName, when: whenText(reservation, this.event) ?? "" }), url: location.origin + href("e", reservation.eventId) }),
        h("button", { type: "button", class: "button quiet", onclick: () => window.print() }, icon("print"), t("ticket.print")),
        this.receipt(),
        !started && givePart,
        (!started || reservation.cancelledAt) && give),
      this.returned(),
      !started && reservation.fees && !givesAllBack(reservation) && h("p", { class: "quiet-text no-print", "data-testid": "refundable" }, t("ticket.refundable", { price: money(reservation.refundable, this.currency) }), " ", refundText(reservation.fees)),
      this.problem,
    ];
  }

  /** Cancels the ticket. The buyer says where the refund goes, if there is a choice. */
  async giveBack() {
    put(this.problem);
    try {
      const choice = await refundChoice(this.reservation, this.event, this.inner.signal);
      if (this.signal.aborted) return;
      await this.cancel({ title: t("ticket.cancel_title"), text: this.cancelText(choice), more: choice?.element, yes: t("ticket.cancel_yes"), no: t("keep") }, choice);
    } catch (error) {
      if (!this.signal.aborted) put(this.problem, errorPanel(error, () => this.giveBack()));
    }
  }

  /** Gives some of the tickets back. */
  async giveBackPart() {
    put(this.problem);
    try {
      const choice = await refundChoice(this.reservation, this.event, this.inner.signal);
      if (this.signal.aborted) return;
      const part = new PartForm(this.reservation, this.currency);
      const more = h("div", {}, part.element, choice?.element);
      await this.cancel({ title: t("part.title"), text: t("part.text"), more, yes: t("part.yes"), no: t("keep") }, choice, part);
    } catch (error) {
      if (!this.signal.aborted) put(this.problem, errorPanel(error, () => this.giveBackPart()));
    }
  }

  /** What was given back while the other tickets stayed. */
  returned() {
    const { returned } = this.reservation;
    if (!returned) return null;
    const tickets = returned.seats.length > 0 ? returned.seats.map(seatName) : [t("tickets", { n: returned.quantity })];
    return h("div", { class: "panel no-print", "data-testid": "returned" },
      h("h2", {}, t("part.returned")),
      h("ul", {}, tickets.map((ticket) => h("li", {}, ticket))),
      this.refund());
  }

  cancelText(choice) {
    const { refundable, totalPrice } = this.reservation;
    const kept = totalPrice - refundable;
    const text = t(choice ? "ticket.cancel_text_choice" : "ticket.cancel_text", { price: priceText(refundable, this.currency) });
    return kept > 0 ? `${text} ${t("fees.kept_amount", { fee: money(kept, this.currency) })}` : text;
  }

  /** A link to the receipt, if something was paid. */
  receipt() {
    const { paymentId, totalPrice, reservationId } = this.reservation;
    return paymentId && totalPrice > 0 && h("a", { class: "button quiet", "data-testid": "to-receipt", href: href("tickets", reservationId, "receipt") }, t("receipt.title"));
  }

  /** A link to the ticket of each seat. */
  passes() {
    const { reservation } = this;
    const { seats } = reservation;
    return seats.length > 0 && h("nav", { class: "passes no-print", "aria-label": t("pass.list") },
      h("h2", {}, t("pass.list")),
      h("ul", {}, seats.map((seat) => h("li", {}, h("a", { class: "button quiet", "data-testid": "pass", href: href("tickets", reservation.reservationId, String(seat.seatNumber)) },
        icon("code"), seatName(seat))))));
  }

  saveToCalendar(startsAt) {
    const { reservation, event } = this;
    saveCalendarFile(reservation.eventId, {
      uid: `${reservation.reservationId}@${location.hostname}`,
      title: reservation.eventName,
      startsAt,
      minutes: event?.durationMinutes,
      place: [reservation.venue ?? event?.venue, event?.address].filter(Boolean).join(", "),
      text: reservation.seats.map(seatName).join("\n"),
      url: location.origin + href("tickets", reservation.reservationId),
      remindMinutes: 180,
    });
  }

  /** `part`: the form that says which tickets; all of them without it. */
  async cancel(words, choice, part) {
    if (!(await confirm({ ...words, danger: true }))) return;
    put(this.problem);
    this.busy = true;
    try {
      await api.cancel(this.id, choice?.chosen(), part?.chosen());
      forgetHold(this.id);
      announce(t(part ? "part.done" : "reservation.cancelled"));
      await this.reload();
    } catch (error) {
      if (this.signal.aborted) return;
      put(this.problem, refusalPanel(error, this.reservation.eventId, () => this.cancel(words, choice, part)));
      alarm(errorText(error));
    } finally {
      this.busy = false;
    }
  }

  // --- CANCELLED and EXPIRED

  ended() {
    const { reservation } = this;
    return [this.head(t("reservation.CANCELLED")),
      h("div", { class: "panel" },
        reservation.cancelledAt && h("p", { "data-testid": "plan-cancelled" }, t("cancelled.by_organiser")),
        this.refund(),
        purchaseFacts(reservation, this.event),
        h("div", { class: "actions" }, h("a", { class: "button", href: href("e", reservation.eventId) }, t("to_event")), h("a", { class: "button quiet", href: href("wallet") }, t("nav.wallet")), this.receipt()))];
  }

  /** What went where: to where the money came from, and to the wallet. */
  refund() {
    const { refunded = 0, refundedToSource = 0 } = this.reservation;
    const amount = (value) => ({ amount: money(value, this.currency) });
    if (refunded === 0) return h("p", {}, t("cancelled.nothing"));
    if (refundedToSource === 0) return h("p", {}, t("cancelled.refunded", amount(refunded)));
    return [
      h("p", {}, t("cancelled.to_source", amount(refundedToSource))),
      refunded > refundedToSource && h("p", {}, t("cancelled.rest", amount(refunded - refundedToSource))),
      withdrawalProgress(({ reservationId }) => reservationId === this.id, this.inner.signal),
    ];
  }

  lapsed() {
    const { reservation, currency } = this;
    const left = toppedUp(reservation.reservationId);
    return [this.head(t("hold.over_title")),
      h("div", { class: "panel", "data-testid": "lapsed" },
        h("p", {}, t("hold.over")),
        left && h("p", {}, t(left.isSure ? "hold.topped_up" : "hold.topped_up_maybe", { amount: money(left.amount, currency) }), " ", h("a", { href: href("wallet") }, t("nav.wallet"))),
        purchaseFacts(reservation, this.event),
        h("div", { class: "actions" }, h("a", { class: "button", href: href("e", reservation.eventId) }, t("hold.start_again"))))];
  }
}

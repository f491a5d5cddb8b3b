// The page of a reservation: the payment while it is held, the ticket once it is paid.

import { href } from "./address.js";
import * as api from "./api.js";
import { now } from "./clock.js";
import { alarm, announce, confirm, h, icon, put, s } from "./dom.js";
import { money, t } from "./i18n.js";
import { isTransient } from "./network.js";
import { forgetHold, rememberHold } from "./holds.js";
import { pendingPayment, toppedUp } from "./payment.js";
import { payingView } from "./paying.js";
import { currencyOf, purchaseFacts, startOf } from "./purchase.js";
import { refusalPanel } from "./turn.js";
import { asyncButton, backLink, errorPanel, errorText, notice, priceText, setTitle, skeleton } from "./ui.js";
import { poster } from "./poster.js";
import { get, set, watch } from "./storage.js";
import { qr } from "./qr.js";

const storageKey = (id) => `reservation.${id}`;

/** Loads a reservation. Without a network, returns the stored copy of a ticket, so that it can be shown at the entrance. */
async function load(id, signal) {
  const options = { signal, ...(get(storageKey(id)) && { attempts: 2 }) };
  try {
    const reservation = await api.getReservation(id, options);
    const event = await api.getEvent(reservation.eventId, options).catch(() => get(storageKey(id))?.event ?? null);
    if (reservation.status === "CONFIRMED") set(storageKey(id), { reservation, event });
    return { reservation, event, isFresh: true };
  } catch (error) {
    const before = get(storageKey(id));
    if (before && isTransient(error)) return { ...before, isFresh: false };
    throw error;
  }
}

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
    const { reservation, event, isFresh } = await load(this.id, this.signal);
    if (this.signal.aborted) return;
    // It was paid just after it was loaded.
    if (wasPaying && !pendingPayment(this.id) && reservation.status === "HELD") {
      await this.reload();
      return;
    }
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
    const give = asyncButton(h("button", { type: "button", class: "button quiet", "data-testid": "cancel" }, t("ticket.cancel")), () => this.cancel({
      title: t("ticket.cancel_title"), text: t("ticket.cancel_text", { price: priceText(reservation.totalPrice, this.currency) }), yes: t("ticket.cancel_yes"), no: t("keep") }));
    return [
      !isFresh && notice(t("ticket.stored")),
      isNew && h("div", { class: "notice good", "data-testid": "done" }, icon("check"), h("p", {}, t("ticket.new"))),
      h("article", { class: "ticket", "aria-labelledby": "ticket-title" },
        h("div", { class: "ticket-art" }, poster(reservation.eventId)),
        h("div", { class: "ticket-body" },
          h("p", { class: "eyebrow" }, t("ticket.eyebrow")),
          h("h1", { id: "ticket-title" }, reservation.eventName),
          purchaseFacts(reservation, this.event)),
        h("div", { class: "ticket-stub" }, code(reservation.reservationId, t("ticket.code")), h("p", { class: "ticket-id" }, reservation.reservationId))),
      h("div", { class: "actions spread no-print" },
        h("button", { type: "button", class: "button", onclick: () => window.print() }, icon("print"), t("ticket.print")),
        !started && give),
      this.problem,
    ];
  }

  async cancel(words) {
    if (!(await confirm({ ...words, danger: true }))) return;
    put(this.problem);
    this.busy = true;
    try {
      await api.cancel(this.id);
      forgetHold(this.id);
      announce(t("reservation.cancelled"));
      await this.reload();
    } catch (error) {
      if (this.signal.aborted) return;
      put(this.problem, refusalPanel(error, this.reservation.eventId, () => this.cancel(words)));
      alarm(errorText(error));
    } finally {
      this.busy = false;
    }
  }

  // --- CANCELLED and EXPIRED

  ended() {
    const { reservation, currency } = this;
    return [this.head(t("reservation.CANCELLED")),
      h("div", { class: "panel" },
        h("p", {}, reservation.refunded > 0 ? t("cancelled.refunded", { amount: money(reservation.refunded, currency) }) : t("cancelled.nothing")),
        purchaseFacts(reservation, this.event),
        h("div", { class: "actions" }, h("a", { class: "button", href: href("e", reservation.eventId) }, t("to_event")), h("a", { class: "button quiet", href: href("wallet") }, t("nav.wallet"))))];
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

/** The QR code of a text. It is dark on light in every colour scheme because scanners need that. */
function code(text, label) {
  const rows = qr(text);
  const size = rows.length + 8;
  const path = rows.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x + 4} ${y + 4}h1v1h-1z`] : []))).join("");
  return s("svg", { class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label, "shape-rendering": "crispEdges" },
    s("rect", { width: size, height: size, fill: "#fff" }), s("path", { d: path, fill: "#000" }));
}

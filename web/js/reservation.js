// The page of a reservation: the payment while it is held, the ticket once it is paid.

import { href } from "./address.js";
import * as api from "./api.js";
import { now } from "./clock.js";
import { alarm, announce, confirm, h, icon, put, s } from "./dom.js";
import { dayAndTime, money, t } from "./i18n.js";
import { isTransient } from "./network.js";
import { endTurn, refreshPlace } from "./queue.js";
import { forgetHold, rememberHold } from "./holds.js";
import { seatName } from "./seating.js";
import { refusalPanel } from "./turn.js";
import { asyncButton, backLink, countdown, errorPanel, errorText, notice, priceText, setTitle, skeleton } from "./ui.js";
import { poster } from "./poster.js";
import { get, set, watch } from "./storage.js";
import { qr } from "./qr.js";
import { charger } from "./wallet.js";

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
    const { reservation, event, isFresh } = await load(this.id, this.signal);
    if (this.signal.aborted) return;
    this.inner?.abort();
    this.inner = new AbortController();
    this.signal.addEventListener("abort", () => this.inner.abort());
    this.reservation = reservation;
    this.event = event;
    this.currency = event?.currency ?? get("currency") ?? "KRW";
    set("currency", this.currency);
    rememberHold(reservation);
    setTitle(reservation.eventName);
    this.problem = h("div", {});
    const view = { HELD: () => this.held(), CONFIRMED: () => this.ticket(isFresh), CANCELLED: () => this.ended(), EXPIRED: () => this.lapsed() }[reservation.status];
    put(this.root, backLink(t("nav.tickets"), "tickets"), view());
    // The ticket may have been cancelled elsewhere since it was stored.
    if (!isFresh) api.getReservation(this.id, { signal: this.inner.signal }).then(() => this.reload()).catch(() => {});
  }

  date() {
    return this.event?.dates?.find((date) => date.date === this.reservation.date);
  }

  facts() {
    const { reservation, event, currency } = this;
    const date = this.date();
    const { seats } = reservation;
    const fact = (name, ...values) => h("div", {}, h("dt", {}, t(name)), values.map((value) => h("dd", {}, value)));
    return h("dl", { class: "facts" },
      reservation.date && fact("fact.when", date ? dayAndTime(date.startsAt) : reservation.date.replace("T", " ")),
      event && fact("fact.where", event.venue),
      seats.length > 0 ? fact("fact.seats", ...seats.map(seatName)) : fact("fact.tickets", t("tickets", { n: reservation.quantity })),
      fact("fact.price", priceText(reservation.totalPrice, currency)));
  }

  head(text) {
    return h("div", { class: "view-head" }, h("div", {}, h("h1", {}, text), h("p", { class: "lead" }, this.reservation.eventName)));
  }

  // --- HELD

  held() {
    const { reservation, currency } = this;
    const { signal } = this.inner;
    this.balance = h("div", {});
    this.balanceShown = null;
    this.payer = asyncButton(h("button", { type: "button", class: "button big", "data-testid": "pay" }, t("hold.pay", { price: money(reservation.totalPrice, currency) })), () => this.pay());
    const release = asyncButton(h("button", { type: "button", class: "button quiet" }, t("hold.release")), () => this.cancel({
      title: t("hold.release_title"), text: t("hold.release_text"), yes: t("hold.release_yes"), no: t("keep") }));
    this.loadBalance();
    return [
      this.head(t("hold.title")),
      h("div", { class: "columns hold-columns" },
        h("div", { class: "main-column" },
          h("div", { class: "panel hold-clock" },
            h("p", { class: "hold-label" }, t("hold.left")),
            countdown(reservation.heldUntil, signal, { label: t("hold.left"), onZero: () => this.atZero() }),
            h("p", {}, t("hold.at_zero"))),
          h("div", { class: "panel" }, h("h2", {}, t("hold.yours")), this.facts())),
        h("aside", { class: "side-column" },
          h("section", { class: "panel pay", "aria-labelledby": "pay-title" },
            h("h2", { id: "pay-title" }, t("hold.pay_title")),
            this.balance, this.payer, this.problem),
          h("div", { class: "actions" }, release))),
    ];
  }

  async loadBalance() {
    const { signal } = this.inner;
    try {
      const { balance } = await api.balance({ signal });
      this.showBalance(balance);
    } catch (error) {
      if (!signal.aborted) put(this.balance, errorPanel(error, () => this.loadBalance()));
    }
  }

  showBalance(balance) {
    const { reservation, currency } = this;
    // Keeps the form, with what is typed and shown in it.
    if (balance === this.balanceShown) return;
    this.balanceShown = balance;
    const short = reservation.totalPrice - balance;
    const row = (name, value, kind = "") => h("div", { class: kind }, h("dt", {}, t(name)), h("dd", {}, value));
    put(this.balance,
      h("dl", { class: "sums" },
        row("total", money(reservation.totalPrice, currency)),
        row("wallet.balance", money(balance, currency)),
        short > 0 ? row("wallet.missing", money(short, currency), "bad") : row("wallet.after", money(balance - reservation.totalPrice, currency))),
      short > 0 && charger(currency, { suggested: short, signal: this.inner.signal, onBalance: (after, isOwn) => {
        this.showBalance(after);
        if (isOwn) this.payer.focus();
      } }));
    this.payer.disabled = short > 0;
    this.payer.classList.toggle("waiting", short > 0);
  }

  async pay() {
    put(this.problem);
    this.busy = true;
    try {
      await api.pay(this.id);
      forgetHold(this.id);
      announce(t("pay.done"));
      refreshPlace(this.reservation.eventId).catch(() => endTurn(this.reservation.eventId));
      await this.reload();
    } catch (error) {
      if (this.signal.aborted) return;
      if (error.code === "hold_expired" || error.code === "not_payable") {
        alarm(errorText(error));
        await this.reload();
        return;
      }
      if (error.code === "insufficient_balance" && Number.isFinite(error.fields.balance)) this.showBalance(error.fields.balance);
      put(this.problem, errorPanel(error, () => this.payer.click()));
      alarm(errorText(error));
    } finally {
      this.busy = false;
    }
  }

  atZero() {
    if (this.busy) return;
    alarm(t("hold.over"));
    // The API decides: the reservation may have been paid in the last second.
    setTimeout(() => { if (!this.signal.aborted) this.reload().catch((error) => put(this.root, errorPanel(error, () => this.reload()))); }, 1200);
  }

  // --- CONFIRMED

  ticket(isFresh) {
    const { reservation } = this;
    const started = this.date() && Date.parse(this.date().startsAt) <= now();
    const isNew = now() - Date.parse(reservation.modifiedAt) < 60000;
    const give = asyncButton(h("button", { type: "button", class: "button quiet" }, t("ticket.cancel")), () => this.cancel({
      title: t("ticket.cancel_title"), text: t("ticket.cancel_text", { price: priceText(reservation.totalPrice, this.currency) }), yes: t("ticket.cancel_yes"), no: t("keep") }));
    return [
      !isFresh && notice(t("ticket.stored")),
      isNew && h("div", { class: "notice good", "data-testid": "done" }, icon("check"), h("p", {}, t("ticket.new"))),
      h("article", { class: "ticket", "aria-labelledby": "ticket-title" },
        h("div", { class: "ticket-art" }, poster(reservation.eventId)),
        h("div", { class: "ticket-body" },
          h("p", { class: "eyebrow" }, t("ticket.eyebrow")),
          h("h1", { id: "ticket-title" }, reservation.eventName),
          this.facts()),
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
        this.facts(),
        h("div", { class: "actions" }, h("a", { class: "button", href: href("e", reservation.eventId) }, t("to_event")), h("a", { class: "button quiet", href: href("wallet") }, t("nav.wallet"))))];
  }

  lapsed() {
    const { reservation } = this;
    return [this.head(t("hold.over_title")),
      h("div", { class: "panel", "data-testid": "lapsed" },
        h("p", {}, t("hold.over")),
        this.facts(),
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

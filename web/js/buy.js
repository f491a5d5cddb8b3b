// The first page of a turn: the choice of a date, or the number of tickets for general admission.

import { go, href } from "./address.js";
import * as api from "./api.js";
import { goToCheckout } from "./checkouts.js";
import { chosenDate } from "./chosen-date.js";
import { dateChooser } from "./dates.js";
import { alarm, h, icon, put, setText } from "./dom.js";
import { feeNote, orderTotal, ticketPrice } from "./fees.js";
import { dayAndTime, money, t } from "./i18n.js";
import { pay, pendingPayment, resumePayment, stepText, ticketOrder, toppedUp, watchPayment } from "./payment.js";
import { rememberHold } from "./holds.js";
import { session } from "./storage.js";
import { findHolds, refusalPanel, requireTurn, turnBar, turnOverPanel } from "./turn.js";
import { backLink, emptyPanel, errorPanel, errorText, notice, priceText, setTitle, skeleton } from "./ui.js";

export async function show(root, { params: [id], signal }) {
  put(root, skeleton(4));
  // The turn ends with the purchase, also if a reload has interrupted it.
  if (!pendingPayment(ticketOrder(id, 1, 0).id) && !requireTurn(id)) return;
  const event = await api.getEvent(id, { signal });
  setTitle(event.eventName);
  const body = h("div", { class: "shop" });
  const bar = turnBar(event, signal, () => put(body, turnOverPanel(id)));
  put(root, backLink(event.eventName, "e", id), h("div", { class: "view-head" }, h("h1", {}, t(event.admission === "general" ? "shop.general" : "shop.title")), bar), body);
  findHolds(id, rememberHold, signal);
  if (event.admission === "general") general(event, body, signal);
  else await dates(event, body, signal);
}

async function dates(event, body, signal) {
  put(body, skeleton(3));
  try {
    const { dates } = await api.listDates(event.eventId, { signal });
    if (dates.length === 0) {
      put(body, emptyPanel("calendar", t("shop.none"), t("shop.none_text"), h("a", { class: "button quiet", href: href() }, t("nav.events"))));
      return;
    }
    // The event knows the prices of its dates.
    const known = new Map(event.dates.map((date) => [date.date, date]));
    const control = (date, text) => (date.availableSeats > 0
      ? h("a", { class: "card-link", href: href("e", event.eventId, "shop", date.date), "data-testid": "date" }, text)
      : text);
    put(body, h("p", { class: "lead" }, t("shop.lead")),
      dateChooser(event, dates.map((date) => ({ ...known.get(date.date), ...date })), { control, chosen: chosenDate(event.eventId) }));
  } catch (error) {
    if (signal.aborted) return;
    put(body, refusalPanel(error, event.eventId, () => dates(event, body, signal)));
  }
}

/** General admission: quantity, total price, and one button that tops up what is missing, reserves and pays. */
function general(event, body, signal) {
  const total = (quantity) => orderTotal(event, Array(quantity).fill(event.price ?? 0));
  const most = event.maxSeatsPerUser;
  const id = ticketOrder(event.eventId, 1, 0).id;
  // The choice survives a reload, and leaving to sign in.
  const draft = `quantity.${event.eventId}`;
  let quantity = pendingPayment(id)?.quantity ?? Math.min(most, session.get(draft) ?? 1);
  let isBusy = false;
  const count = h("output", { class: "count", "aria-live": "polite" });
  const left = h("p", { class: "left" });
  const sum = h("b", {});
  const note = h("div", {});
  const step = h("p", { class: "quiet-text", role: "status" });
  const problem = h("div", {});
  const less = h("button", { type: "button", class: "round", "aria-label": t("general.less"), onclick: () => choose(quantity - 1) }, icon("minus"));
  const more = h("button", { type: "button", class: "round", "aria-label": t("general.more"), onclick: () => choose(quantity + 1) }, icon("plus"));
  const buy = h("button", { type: "button", class: "button big", "data-testid": "reserve" });
  const choose = (chosen) => {
    quantity = chosen;
    session.set(draft, quantity);
    draw();
  };
  const draw = () => {
    const payment = pendingPayment(id);
    const isPaying = isBusy || payment !== null;
    put(left, event.availableTickets === 0 ? t("sold_out") : t("left.tickets", { n: event.availableTickets }));
    put(count, t("tickets", { n: quantity }));
    put(sum, priceText(total(quantity), event.currency));
    put(note, feeNote(event));
    less.disabled = isPaying || quantity <= 1;
    more.disabled = isPaying || quantity >= most;
    buy.disabled = isPaying;
    if (isPaying) buy.setAttribute("aria-busy", "true");
    else buy.removeAttribute("aria-busy");
    setText(buy, total(quantity) === 0 ? t("general.reserve") : t("hold.pay", { price: money(total(quantity), event.currency) }));
    setText(step, stepText(payment, event.currency));
  };
  const resume = () => resumePayment(id, signal);
  const run = async (work) => {
    if (isBusy) return;
    isBusy = true;
    put(problem);
    draw();
    try {
      const outcome = await work();
      // After topping up, the buyer comes back to this choice.
      if (outcome && !outcome.charge) session.remove(draft);
      if (signal.aborted) return;
      if (outcome?.charge) await goToCheckout(outcome.charge);
      else if (outcome?.reservationId) go("tickets", outcome.reservationId);
      // Another tab has bought the tickets.
      else if (outcome) go("tickets");
    } catch (error) {
      if (!signal.aborted) refused(error, work);
    } finally {
      isBusy = false;
      draw();
      if (!signal.aborted && document.activeElement === document.body) buy.focus();
    }
  };
  const refused = (error, work) => {
    const kept = toppedUp(id);
    const hint = kept && h("p", {}, t(kept.isSure ? "hold.topped_up" : "hold.topped_up_maybe", { amount: money(kept.amount, event.currency) }));
    if (error.code === "new_price") {
      Object.assign(event, error.fields);
      const text = t("general.new_price", { price: priceText(ticketPrice(event, event.price), event.currency) });
      put(problem, notice(text), hint);
      alarm(text);
      return;
    }
    if (Number.isFinite(error.fields?.availableTickets)) event.availableTickets = error.fields.availableTickets;
    const again = () => run(pendingPayment(id) ? resume : work);
    // Without dates there is nothing else to look at.
    put(problem, error.code === "sold_out" ? errorPanel(error) : refusalPanel(error, event.eventId, again), hint);
    alarm(errorText(error));
  };
  buy.addEventListener("click", () => run(() => pay(ticketOrder(event.eventId, quantity, total(quantity)), signal)));
  watchPayment(id, draw, signal);
  put(body, h("div", { class: "panel general-shop" },
    left,
    h("div", { class: "stepper", role: "group", "aria-label": t("general.quantity") }, less, count, more),
    h("p", { class: "quiet-text" }, t("rules.most", { n: most })),
    event.cancelUntil && h("p", { class: "quiet-text" }, t("return.until", { time: dayAndTime(event.cancelUntil, event.timeZone) })),
    h("p", { class: "total" }, h("span", {}, t("total")), sum),
    note,
    buy, step, problem));
  draw();
  // A payment that was interrupted by a reload goes on by itself.
  if (pendingPayment(id)) run(resume);
}

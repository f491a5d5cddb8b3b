// The first page of a turn: the choice of a date, or the number of tickets for general admission.

import { go, href } from "./address.js";
import * as api from "./api.js";
import { alarm, announce, h, icon, put } from "./dom.js";
import { dayAndTime, dayParts, money, t, time } from "./i18n.js";
import { endTurn, refreshPlace } from "./queue.js";
import { availability } from "./event.js";
import { rememberHold } from "./holds.js";
import { findHolds, refusalPanel, requireTurn, turnBar, turnOverPanel } from "./turn.js";
import { asyncButton, backLink, emptyPanel, errorPanel, errorText, notice, priceText, setTitle, skeleton } from "./ui.js";

export async function show(root, { params: [id], signal }) {
  put(root, skeleton(4));
  if (!requireTurn(id)) return;
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
    put(body, h("p", { class: "lead" }, t("shop.lead")),
      h("ul", { class: "dates choose" }, dates.map((date) => dateRow(event, date))));
  } catch (error) {
    if (signal.aborted) return;
    put(body, refusalPanel(error, event.eventId, () => dates(event, body, signal)));
  }
}

function dateRow(event, date) {
  const { month, day, weekday } = dayParts(date.startsAt);
  const known = event.dates.find((it) => it.date === date.date);
  const inner = [
    h("div", { class: "day", "aria-hidden": "true" }, h("span", {}, month), h("b", {}, day), h("span", {}, weekday)),
    h("div", { class: "date-body" },
      h("p", { class: "date-time" },
        date.availableSeats > 0
          ? h("a", { class: "card-link", href: href("e", event.eventId, "shop", date.date), "data-testid": "date" }, h("span", { class: "unseen" }, dayAndTime(date.startsAt)), h("span", { "aria-hidden": "true" }, time(date.startsAt)))
          : [h("span", { class: "unseen" }, dayAndTime(date.startsAt)), h("span", { "aria-hidden": "true" }, time(date.startsAt))]),
      known && h("ul", { class: "prices" }, known.sections.map((section) => h("li", {}, h("span", {}, section.name), " ", h("b", {}, money(section.price, event.currency)))))),
    availability(date, false),
  ];
  return h("li", { class: `date-row ${date.availableSeats > 0 ? "open" : "none"}` }, inner);
}

/** General admission: quantity, total price, and one button. */
function general(event, body, signal) {
  let price = event.price ?? 0;
  const most = event.maxSeatsPerUser;
  let quantity = 1;
  let balance = null;
  const count = h("output", { class: "count", "aria-live": "polite" });
  const left = h("p", { class: "left" });
  const total = h("b", {});
  const wallet = h("p", { class: "wallet-line" });
  const problem = h("div", {});
  const less = h("button", { type: "button", class: "round", "aria-label": t("general.less") }, icon("minus"));
  const more = h("button", { type: "button", class: "round", "aria-label": t("general.more") }, icon("plus"));
  const buy = h("button", { type: "button", class: "button big", "data-testid": "reserve" });
  const draw = () => {
    put(left, event.availableTickets === 0 ? t("sold_out") : t("left.tickets", { n: event.availableTickets }));
    put(count, t("tickets", { n: quantity }));
    put(total, priceText(price * quantity, event.currency));
    less.disabled = quantity <= 1;
    more.disabled = quantity >= most;
    const short = price > 0 && balance !== null && balance < price * quantity;
    put(buy, price === 0 ? t("general.reserve") : t("general.pay", { price: money(price * quantity, event.currency) }));
    put(wallet, price === 0 ? null : [icon("wallet"), balance === null ? t("wallet.loading") : t("wallet.has", { amount: money(balance, event.currency) }),
      short && [" ", h("a", { href: href("wallet") }, t("wallet.too_little"))]]);
  };
  less.addEventListener("click", () => { quantity -= 1; draw(); });
  more.addEventListener("click", () => { quantity += 1; draw(); });
  asyncButton(buy, async () => {
    put(problem);
    try {
      // Tickets are paid in the same request, so the price must still be the one that is shown.
      const current = await api.getEvent(event.eventId, { signal });
      if ((current.price ?? 0) !== price) {
        price = current.price ?? 0;
        draw();
        const text = t("general.new_price", { price: priceText(price, event.currency) });
        put(problem, notice(text));
        alarm(text);
        return;
      }
      const reservation = await api.reserve(event.eventId, quantity);
      announce(t("reservation.done"));
      refreshPlace(event.eventId).catch(() => endTurn(event.eventId));
      if (!signal.aborted) go("tickets", reservation.reservationId);
    } catch (error) {
      if (signal.aborted) return;
      if (Number.isFinite(error.fields?.availableTickets)) {
        event.availableTickets = error.fields.availableTickets;
        draw();
      }
      // Without dates there is nothing else to look at.
      put(problem, error.code === "sold_out" ? errorPanel(error) : refusalPanel(error, event.eventId, () => buy.click()));
      alarm(errorText(error));
    }
  });
  put(body, h("div", { class: "panel general-shop" },
    left,
    h("div", { class: "stepper", role: "group", "aria-label": t("general.quantity") }, less, count, more),
    h("p", { class: "quiet-text" }, t("rules.most", { n: most })),
    h("p", { class: "total" }, h("span", {}, t("total")), total),
    wallet, buy, problem));
  draw();
  if (price > 0) {
    api.balance({ signal }).then((answer) => { balance = answer.balance; draw(); }).catch(() => {});
  }
}

// The page of held seats: what the buyer gets, until when it is theirs, and one button to pay.

import { href } from "./address.js";
import { followCharge, goToCheckout } from "./checkouts.js";
import { eachSecond, secondsUntil } from "./clock.js";
import { alarm, announce, h, icon, put, setText } from "./dom.js";
import { refundText } from "./fees.js";
import { clockText, clockTime, dayAndTime, money, t } from "./i18n.js";
import { holdOrder, pay, pendingPayment, resumePayment, stepText, watchPayment } from "./payment.js";
import { currencyOf, purchaseFacts, returnableUntil, zoneOf } from "./purchase.js";
import { asyncButton, countdown, errorPanel, errorText } from "./ui.js";

/** From here on, the clock is prominent and read out. */
const HURRY_SECONDS = 60;
const SPOKEN = [30, 10];

/** After these refusals, the reservation itself says what has become of it. */
const OVER = ["hold_expired", "not_payable", "reservation_not_found"];

/**
 * The elements of the page. `reload` loads the reservation again, `release` gives the seats up, and `problem` shows what went wrong. The
 * page's `busy` says that something is under way, and that its end reloads the page.
 */
export function payingView(page, { reservation, event, signal, problem, release }) {
  const order = holdOrder(reservation);
  const currency = currencyOf(reservation, event);
  const step = h("p", { class: "quiet-text", role: "status" });
  const button = h("button", { type: "button", class: "button big", "data-testid": "pay" }, t("hold.pay", { price: money(order.total, currency) }));
  const giveUp = asyncButton(h("button", { type: "button", class: "button quiet", "data-testid": "release" }, t("hold.release")), release);
  const draw = () => {
    const payment = pendingPayment(order.id);
    const isBusy = page.busy || payment !== null;
    button.disabled = isBusy;
    giveUp.disabled = isBusy;
    if (isBusy) button.setAttribute("aria-busy", "true");
    else button.removeAttribute("aria-busy");
    setText(step, stepText(payment, currency));
  };
  const resume = () => resumePayment(order.id, signal);
  /** Pays, and shows what came of it. */
  const run = async (work) => {
    if (page.busy) return;
    page.busy = true;
    put(problem);
    draw();
    let isOver = false;
    let isDeclined = false;
    try {
      const outcome = await work();
      isDeclined = outcome === null;
      isOver = !isDeclined;
      if (outcome?.charge && !signal.aborted) await goToCheckout(outcome.charge);
    } catch (error) {
      if (!signal.aborted) alarm(errorText(error));
      isOver = OVER.includes(error.code);
      if (!isOver) put(problem, errorPanel(error, () => run(pendingPayment(order.id) ? resume : work)));
    }
    page.busy = false;
    if (signal.aborted) return;
    draw();
    if (isDeclined) button.focus();
    if (isOver) await page.reload().catch((error) => put(problem, errorPanel(error, () => page.reload())));
  };
  button.addEventListener("click", () => run(() => pay(order, signal)));
  watchPayment(order.id, draw, signal);
  draw();
  // A payment that was interrupted by a reload goes on by itself.
  if (pendingPayment(order.id)) run(resume);
  const until = returnableUntil(reservation, event);
  return [
    reservation.chargeId && underWay(reservation.chargeId, page, signal),
    h("section", { class: "panel paying", "aria-labelledby": "paying-title" },
      h("p", { class: "eyebrow" }, t("hold.title")),
      h("h1", { id: "paying-title" }, reservation.eventName),
      purchaseFacts(reservation, event),
      until && h("p", { class: "quiet-text" }, t("return.until", { time: dayAndTime(until, zoneOf(reservation, event)) })),
      reservation.fees && h("p", { class: "quiet-text", "data-testid": "fees" }, refundText(reservation.fees)),
      h("div", { class: "pay-box" },
        clock(reservation.heldUntil, signal, () => page.atZero()),
        button, step, problem,
        h("p", { class: "quiet-text" }, t("hold.at_zero"))),
      h("div", { class: "actions" }, giveUp)),
  ];
}

/** What becomes of a payment at the payment provider that has begun: the buyer may go on with it. Its end reloads the page. */
function underWay(chargeId, page, signal) {
  const box = h("div", { role: "status" });
  const draw = ({ status }) => {
    if (box.hasChildNodes() || status === "FAILED" || status === "EXPIRED") return;
    put(box, h("div", { class: "notice", "data-testid": "under-way" }, icon("clock"), h("div", {},
      h("p", {}, t("charge.under_way")),
      h("div", { class: "actions" }, h("a", { class: "button small", href: href("wallet", "charges", chargeId) }, t("charge.look"))))));
  };
  let last = null;
  followCharge(chargeId, (charge) => { last = charge; draw(charge); }, signal).then((hasEnded) => {
    if (!hasEnded || signal.aborted) return;
    put(box);
    if (last.status === "DONE" && !page.busy) page.reload().catch(() => {});
  }, () => {});
  return box;
}

/** "Yours until 8:14 PM · 4:12": small until the last minute. */
function clock(until, signal, onZero) {
  const line = h("p", { class: "hold-clock" }, icon("clock"), h("span", {}, t("hold.until", { time: clockTime(until) })), h("span", { "aria-hidden": "true" }, "·"),
    countdown(until, signal, { label: t("hold.left"), spoken: SPOKEN, onZero }));
  eachSecond(() => {
    const left = secondsUntil(until);
    if (left > HURRY_SECONDS || line.classList.contains("hurry")) return;
    line.classList.add("hurry");
    announce(t("clock.left", { label: t("hold.left"), time: clockText(left) }));
  }, signal);
  return line;
}

// Paying: the only place where a purchase moves money. One confirmation tops up exactly what is missing in the wallet, and pays.
//
// A confirmed payment is stored before its first request, and until its outcome is known. So it is finished after a reload, a lost
// answer or a sign-in, and in one tab only: topping up has an idempotency key, and the API makes paying idempotent.
//
// With a payment provider, what is missing is paid there: the outcome is then a charge, whose checkout the buyer goes to. The charge
// pays the seats by itself as soon as the money has come (checkouts.js). Tickets of general admission are reserved and paid in one
// request, so there the buyer tops up first.

import * as api from "./api.js";
import { rememberCheckout, topUpFor } from "./checkouts.js";
import { secondsUntil } from "./clock.js";
import { announce, confirm, h } from "./dom.js";
import { orderTotal } from "./fees.js";
import { forgetHold } from "./holds.js";
import { uuid } from "./identity.js";
import { money, t } from "./i18n.js";
import { ApiError, isTransient } from "./network.js";
import { endTurn, hasTurn, refreshPlace } from "./queue.js";
import { get, keys, remove, set, watch, withLock } from "./storage.js";

const PAYMENT = "payment.";
const TOPPED_UP = "toppedup.";

/** How often the buyer is asked again because the balance has changed since the confirmation was shown. */
const MOST_PLANS = 5;

/** After these errors the outcome is unknown, or the user has to sign in first: the payment stays stored. */
const goesOn = (error) => isTransient(error) || ["sign_in", "sign_in_failed"].includes(error.code);

/** What to pay for: held seats. */
export const holdOrder = ({ reservationId, eventId, totalPrice, heldUntil }) =>
  ({ id: reservationId, event: eventId, total: totalPrice, reservation: reservationId, until: heldUntil });

/** What to pay for: tickets of general admission, which are reserved and paid in one request. */
export const ticketOrder = (event, quantity, total) =>
  ({ id: `tickets-${event}`, event, total, quantity });

/** This user's confirmed payment whose outcome is not known yet, or null. */
export function pendingPayment(id) {
  const payment = get(PAYMENT + id);
  return payment?.userId === get("user") ? payment : null;
}

/** Calls back when a payment begins, takes its next step, or ends, here or in another tab. */
export function watchPayment(id, callback, signal) {
  watch((key) => { if (key === PAYMENT + id || key === "") callback(pendingPayment(id)); }, signal);
}

/** What is being done at the moment, in words. */
export function stepText(payment, currency) {
  if (!payment || payment.total === 0) return "";
  return t(`pay.step_${payment.step}`, { amount: money(payment.step === "top_up" ? payment.charge.amount : payment.total, currency) });
}

/** Money that was topped up for a reservation that could then not be paid: it is in the wallet. {amount, isSure}, or null. */
export const toppedUp = (id) => get(TOPPED_UP + id);

/** What a payment does to the wallet. */
async function planFor(order, options) {
  const { balance, currency, charging } = await api.balance(options);
  const missing = Math.max(0, order.total - balance);
  const isCheckout = missing > 0 && charging === "provider";
  return { total: order.total, balance, currency, missing, isCheckout, isTopUpFirst: isCheckout && !order.reservation, after: balance + missing - order.total };
}

/** Shows what a payment does. Resolves to whether the buyer wants it. */
function confirmPlan(plan, hasChanged) {
  const amount = (value) => money(value, plan.currency);
  const row = (name, value) => h("div", {}, h("dt", {}, t(name)), h("dd", {}, amount(value)));
  const what = plan.missing === 0 ? "pay.from_wallet" : plan.isTopUpFirst ? "pay.top_up_first" : !plan.isCheckout ? "pay.tops_up" : plan.balance > 0 ? "pay.checkout_rest" : "pay.checkout";
  const topUp = t("wallet.charge_amount", { amount: amount(plan.missing) });
  return confirm({
    title: plan.isTopUpFirst ? topUp : t("pay.title", { price: amount(plan.total) }),
    text: [hasChanged && t("pay.changed"), t(what, { missing: amount(plan.missing), price: amount(plan.total), balance: amount(plan.balance) })].filter(Boolean).join(" "),
    more: h("div", {},
      h("dl", { class: "sums" },
        row("wallet.balance", plan.balance),
        plan.missing > 0 && row(plan.isCheckout ? "pay.at_provider" : "pay.topped_up", plan.missing),
        row("pay.paid", -plan.total),
        row("wallet.after", plan.after)),
      plan.missing > 0 && h("p", { class: "quiet-text" }, t(plan.isCheckout ? "pay.leaves" : "wallet.demo"))),
    yes: plan.isTopUpFirst ? topUp : t("hold.pay", { price: amount(plan.total) }),
    no: t("pay.no"),
  });
}

/** Refused because the balance is not the one that the buyer has seen: the buyer is asked again. */
const asksAgain = (error) => ["balance_changed", "insufficient_balance"].includes(error.code);

/**
 * Asks the buyer to confirm, and pays. Resolves to {reservationId}, to {charge} if the buyer has to pay it at the payment provider,
 * to {} if another tab has already paid, or to null if the buyer does not want to pay. Refusals are thrown.
 */
export async function pay(order, signal, hasChanged = false) {
  if (order.total === 0) return begin(order, null);
  let error = null;
  for (let i = 0; i < MOST_PLANS; i += 1) {
    const plan = await planFor(order, { signal });
    if (!(await confirmPlan(plan, hasChanged || error)) || signal.aborted) return null;
    try {
      return await begin(order, plan);
    } catch (refusal) {
      if (!asksAgain(refusal)) throw refusal;
      error = refusal;
    }
  }
  throw error;
}

/** Goes on with a stored payment. Resolves like `pay`. */
export async function resumePayment(id, signal) {
  const order = pendingPayment(id);
  try {
    return await finishPayment(id);
  } catch (error) {
    if (!asksAgain(error)) throw error;
    return pay(order, signal, true);
  }
}

/** Stores a confirmed payment, and makes it. If another tab has begun one for the same order, makes that one. */
async function begin(order, plan) {
  await withLock(PAYMENT + order.id, () => {
    if (pendingPayment(order.id)) return;
    remove(TOPPED_UP + order.id);
    const charge = plan?.missing > 0 ? { key: uuid(), amount: plan.missing, payFor: plan.isCheckout ? order.reservation : undefined } : null;
    set(PAYMENT + order.id, { ...order, userId: get("user"), balance: plan?.balance, charge, step: "check" });
  });
  return finishPayment(order.id);
}

/**
 * Whether there is still something to pay, and the balance is the one that the buyer has seen: another tab may have paid meanwhile.
 * `begun`: the charge that was begun for it and can still be paid. Another one would be a second payment.
 */
async function check(order) {
  const options = { action: true, attempts: undefined };
  const [current, plan] = await Promise.all([
    order.reservation ? api.getReservation(order.reservation, options) : api.tokenStatus(order.event, options),
    order.total > 0 && planFor(order, options),
  ]);
  const isOpen = current.status === (order.reservation ? "HELD" : "ACTIVE");
  if (isOpen && plan && plan.balance !== order.balance) throw new ApiError("balance_changed");
  const chargeId = order.reservation ? current.chargeId : order.charge && topUpFor(order.event, order.charge.amount);
  const charge = isOpen && order.charge && chargeId ? await api.getCharge(chargeId, options) : null;
  return { isOpen, begun: charge?.status === "PENDING" && charge.checkout ? charge : null };
}

/** The payments that this tab is making. */
const running = new Map();

/** Makes a stored payment, until its outcome is known. */
function finishPayment(id) {
  if (!running.has(id)) running.set(id, withLock(PAYMENT + id, () => make(id)).finally(() => running.delete(id)));
  return running.get(id);
}

/** Makes the payments that were interrupted, e.g. by a reload. */
export function finishPayments() {
  for (const key of keys(PAYMENT)) {
    const id = key.slice(PAYMENT.length);
    // The page of the reservation shows an error; the payment stays stored if it can be repeated.
    if (pendingPayment(id)) finishPayment(id).catch(() => {});
  }
}

async function make(id) {
  let payment = pendingPayment(id);
  if (!payment) return {};
  const next = (changes) => {
    payment = { ...payment, ...changes };
    set(PAYMENT + id, payment);
  };
  try {
    if (payment.step === "check") {
      const { isOpen, begun } = await check(payment);
      if (begun || !isOpen) {
        remove(PAYMENT + id);
        return begun ? { charge: begun } : {};
      }
      next({ step: payment.charge ? "top_up" : "pay" });
    }
    const found = payment.quantity ? await checkPrice(payment) : null;
    if (payment.step === "top_up" && !found && !isOver(payment)) {
      next({ isTried: true });
      const charge = await topUp(payment.charge).catch((error) => {
        if (!goesOn(error)) next({ isTried: false });
        throw error;
      });
      if (charge.status) {
        rememberCheckout(charge, payment.quantity ? payment.event : undefined);
        remove(PAYMENT + id);
        return { charge };
      }
      next({ step: "pay", isToppedUp: true });
    }
    if (payment.quantity && !found) next({ isSent: true });
    const paid = found ?? (payment.quantity ? await api.reserve(payment.event, payment.quantity) : await api.pay(id));
    remove(PAYMENT + id);
    forgetHold(id);
    announce(t("pay.done"));
    refreshPlace(payment.event).catch(() => endTurn(payment.event));
    return { reservationId: paid.reservationId };
  } catch (error) {
    if (goesOn(error)) throw error;
    remove(PAYMENT + id);
    // The confirmation of the next attempt shows the balance.
    if (payment.isTried && !asksAgain(error)) set(TOPPED_UP + id, { amount: payment.charge.amount, isSure: Boolean(payment.isToppedUp) });
    throw error;
  }
}

/** Too late to pay: then nothing more is topped up. */
const isOver = (payment) => (payment.quantity ? !hasTurn(payment.event) : secondsUntil(payment.until) <= 0);

/** Where money comes in. The key makes sure that it comes in once, however often this is repeated. */
const topUp = ({ key, amount, payFor }) => api.charge(key, amount, payFor);

/**
 * Tickets are paid in the request that reserves them, so the price must still be the one that was confirmed. Returns the
 * reservation if an interrupted attempt had already made it at that price.
 */
async function checkPrice(payment) {
  const event = await api.getEvent(payment.event);
  const { price = 0, fees } = event;
  if (orderTotal(event, Array(payment.quantity).fill(price)) === payment.total) return null;
  if (payment.isSent) {
    const { reservations } = await api.listReservations();
    const made = reservations.find((it) => it.eventId === payment.event && it.status === "CONFIRMED" && it.totalPrice === payment.total && it.quantity === payment.quantity);
    if (made) return made;
  }
  throw new ApiError("new_price", { price, fees });
}

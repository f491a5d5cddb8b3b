// Payments at a payment provider that have begun and not ended. They are kept in the storage, so that every view can lead back to
// them: the buyer may come back by another way than the provider's link.

import { href } from "./address.js";
import * as api from "./api.js";
import { ApiError } from "./network.js";
import { poll } from "./polling.js";
import { get, keys, remove, set } from "./storage.js";

const CHECKOUT = "checkout.";

const TOSS_SCRIPT = "https://js.tosspayments.com/v2/standard";
/** In the address of a charge's view: it opens the payment window at once. */
const OPEN = "#pay";
/** Only the page that was loaded at the view of a charge may run the provider's script: see functions/pages. */
const loadedAt = location.pathname;

const isOver = ({ status, purchase }) => status !== "PENDING" && purchase !== "DUE";

/** Keeps a charge until it has ended. `event`: the tickets that the buyer goes on with after topping up. */
export function rememberCheckout(charge, event) {
  const key = CHECKOUT + charge.chargeId;
  if (isOver(charge)) remove(key);
  else set(key, { chargeId: charge.chargeId, userId: get("user"), amount: charge.amount, currency: charge.currency, payFor: charge.payFor, event: event ?? get(key)?.event });
}

/** This user's charges that have not ended, as far as this browser knows. */
export const openCheckouts = () => keys(CHECKOUT).map(get).filter((it) => it?.userId === get("user"));

/** The event whose tickets a charge is the top-up for, or undefined. */
export const eventOf = (chargeId) => get(CHECKOUT + chargeId)?.event;

/** The id of the charge that tops up this much for tickets of an event, or undefined. */
export const topUpFor = (event, amount) => openCheckouts().find((it) => it.event === event && it.amount === amount)?.chargeId;

/** Asks for a charge until it has ended, and tells each answer. Resolves to whether it has ended. Errors that may pass are repeated. */
export const followCharge = (chargeId, onAnswer, signal) => poll(async () => {
  const charge = await api.getCharge(chargeId, { signal });
  if (signal.aborted) return false;
  const event = eventOf(chargeId);
  rememberCheckout(charge);
  onAnswer(charge, event);
  return isOver(charge);
}, signal);

/** Asks once for each charge that has not ended. Those that have are forgotten. */
export async function lookAtCheckouts() {
  for (const { chargeId } of openCheckouts()) {
    await api.getCharge(chargeId, { attempts: 1 }).then((charge) => rememberCheckout(charge), (error) => {
      if (error.code === "charge_not_found") remove(CHECKOUT + chargeId);
    });
  }
}

/** Leaves for the provider, where the buyer pays. A charge without a checkout has ended: its view says how. */
export async function goToCheckout({ chargeId, checkout }) {
  const view = href("wallet", "charges", chargeId);
  if (checkout?.kind === "page") location.assign(checkout.url);
  else if (checkout?.kind === "tossWindow" && loadedAt === view) await openToss(checkout);
  else if (checkout?.kind === "tossWindow") location.assign(view + OPEN);
  else location.assign(view);
}

/** Whether the buyer came to the view of a charge to pay at once. Only the first call says so. */
export function takeOpening() {
  if (location.hash !== OPEN || loadedAt !== location.pathname) return false;
  history.replaceState(null, "", location.pathname);
  return true;
}

let script = null;

/** Loads the provider's script once. */
function loadToss() {
  script ??= new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = TOSS_SCRIPT;
    element.addEventListener("load", resolve);
    element.addEventListener("error", () => {
      script = null;
      element.remove();
      reject(new ApiError("provider_unreachable", { status: 503 }));
    });
    document.head.append(element);
  });
  return script;
}

/** Takes the window to the payment page of Toss Payments. The values are those of version 2 of its script. */
async function openToss({ clientKey, customerKey, orderId, orderName, amount, currency, successUrl, failUrl }) {
  await loadToss();
  const payment = window.TossPayments(clientKey).payment({ customerKey });
  await payment.requestPayment({
    method: "CARD", amount: { currency, value: amount }, orderId, orderName, successUrl, failUrl, windowTarget: "self",
  });
}

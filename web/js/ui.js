// Elements and helpers that views share: links, messages, buttons, countdowns.

import { href } from "./address.js";
import { eachSecond, secondsUntil } from "./clock.js";
import { alarm, announce, h, icon, put, setText } from "./dom.js";
import { clockText, hasText, money, t } from "./i18n.js";
import { isTransient } from "./network.js";
import { needsCode } from "./presale.js";
import { isOffered, signIn } from "./sign-in.js";
import { get } from "./storage.js";

export function setTitle(text) {
  document.title = text ? `${text} · Boxoffice` : "Boxoffice";
}

/** The text that explains an error to the user. */
export function errorText(error, values = {}) {
  const fields = error.fields ?? {};
  const key = `error.${error.code}`;
  if (!hasText(key)) return t("error.unexpected");
  if (error.code === "sold_out" && fields.availableTickets > 0) return t("left.only", { n: fields.availableTickets });
  if (fields.walletCeiling) return t("wallet.over_ceiling", { most: money(fields.walletCeiling, get("currency") ?? "KRW") });
  if (fields.maxPendingWithdrawals) return t("withdraw.too_many", { n: fields.maxPendingWithdrawals });
  if (fields.withdrawable !== undefined) return t(key, { amount: money(fields.withdrawable, get("currency") ?? "KRW") });
  return t(key, { seat: fields.seat ?? fields.seatNumber ?? "", most: fields.maxSeatsPerUser ?? "", ...values });
}

/** Whether to offer a retry. */
const canRetry = (error) => isTransient(error) || !hasText(`error.${error.code}`) || error.code === "unexpected";

/** A panel that explains an error and offers what to do next. The button for `again` is shown only if a retry may help. */
export function errorPanel(error, again, ...more) {
  const text = errorText(error);
  return h("div", { class: "notice bad", role: "alert", "data-testid": "problem", "data-code": error.code ?? "" },
    icon("warn"),
    h("div", {},
      h("p", {}, text),
      h("div", { class: "actions" },
        ["sign_in", "sign_in_failed"].includes(error.code) && isOffered() && signInButton("small"),
        again && canRetry(error) && h("button", { type: "button", class: "button small", onclick: again }, t("again")),
        more)));
}

/** A button that leaves for the issuer and comes back to this view. */
export function signInButton(kind = "") {
  const problem = h("span", {});
  const button = asyncButton(h("button", { type: "button", class: `button ${kind}`, "data-testid": "sign-in" }, t("sign_in")), async () => {
    put(problem);
    try {
      await signIn();
    } catch (error) {
      put(problem, errorText(error));
      alarm(errorText(error));
    }
  });
  return [button, problem];
}

export function notice(text, kind = "") {
  return h("div", { class: `notice ${kind}` }, icon(kind === "good" ? "check" : "spark"), h("p", {}, text));
}

/** Grey placeholders while content loads. */
export function skeleton(lines = 3) {
  return h("div", { class: "skeleton", role: "status" },
    h("span", { class: "unseen" }, t("loading")),
    Array.from({ length: lines }, () => h("div", { "aria-hidden": "true" })));
}

export function emptyPanel(name, heading, text, ...actions) {
  return h("div", { class: "empty" }, icon(name), heading && h("h2", {}, heading), h("p", {}, text), h("div", { class: "actions" }, actions));
}

export function backLink(text, ...segments) {
  return h("a", { class: "back", href: href(...segments) }, icon("back"), text);
}

const STATES = { OPEN: "check", PRESALE: "clock", NOT_OPEN: "clock", PAUSED: "pause", CLOSED: "lock", CANCELLED: "lock" };

/** The state of an event's sale, or that it is a presale, or that the event is cancelled. */
export function stateOf(event) {
  if (event.cancelledAt) return "CANCELLED";
  return event.state === "OPEN" && needsCode(event) ? "PRESALE" : event.state;
}

/** Of an open sale: few tickets are left, with at most this share of them. */
const FEW_SHARE = 0.1;

/** The state of a sale as text and icon, not by colour alone. While it is open, also whether it is sold out or nearly, if that is known. */
export function stateChip(state, left, total) {
  const isOpen = state === "OPEN";
  if (isOpen && left === 0) return h("span", { class: "chip state-sold_out" }, icon("lock"), t("sold_out"));
  if (isOpen && left <= total * FEW_SHARE) return h("span", { class: "chip state-few" }, icon("spark"), t("left.few"));
  return h("span", { class: `chip state-${state.toLowerCase()}` }, icon(STATES[state] ?? "clock"), t(`state.${state}`));
}

/** Makes a button run `work` when clicked. It is disabled and marked as busy until the work is done. */
export function asyncButton(button, work) {
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    try {
      await work();
    } finally {
      button.removeAttribute("aria-busy");
      button.disabled = false;
    }
  });
  return button;
}

/** Seconds left at which a countdown is announced to screen readers. */
const SPOKEN = [300, 120, 60, 30, 10];

/** A countdown to an instant (or to what a function returns), updated each second and announced to screen readers now and then. */
export function countdown(instant, signal, { label, onZero, spoken: marks = SPOKEN } = {}) {
  const face = h("span", { class: "clock", role: "timer", "aria-label": label }, "");
  let spoken = Infinity;
  let ended = false;
  eachSecond(() => {
    if (ended) return;
    const left = secondsUntil(typeof instant === "function" ? instant() : instant);
    setText(face, clockText(left));
    face.classList.toggle("soon", left <= 60);
    const mark = marks.find((mark) => left <= mark && left > mark - 2);
    if (mark && mark !== spoken && label) {
      spoken = mark;
      announce(t("clock.left", { label, time: clockText(left) }));
    }
    if (left <= 0) {
      ended = true;
      onZero?.();
    }
  }, signal);
  return face;
}

/** A price, or "Free". */
export function priceText(price, currency) {
  return price === 0 ? t("free") : money(price, currency);
}

// The page of a charge at a payment provider, to which the provider sends the buyer back.

import { href, redirect } from "./address.js";
import * as api from "./api.js";
import { followCharge, goToCheckout, takeOpening } from "./checkouts.js";
import { alarm, announce, h, icon, put } from "./dom.js";
import { forgetHold, rememberHold } from "./holds.js";
import { money, t } from "./i18n.js";
import { holdOrder, pay } from "./payment.js";
import { endTurn, refreshPlace } from "./queue.js";
import { asyncButton, countdown, errorPanel, errorText, setTitle, skeleton } from "./ui.js";
import { withdrawalProgress } from "./withdrawals.js";

export async function show(root, { params: [id], signal }) {
  setTitle(t("charge.title"));
  await new ChargePage(root, id, signal).follow();
}

class ChargePage {
  constructor(root, id, signal) {
    Object.assign(this, { root, id, signal, shown: "" });
    this.state = h("div", { class: "panel charge-state", "aria-live": "polite", "data-testid": "charge-state" }, skeleton(2));
    this.next = h("div", { class: "charge-next" });
    this.problem = h("div", {});
    put(root, h("h1", {}, t("charge.title")), this.state, this.next, this.problem);
  }

  async follow() {
    put(this.problem);
    try {
      const hasEnded = await followCharge(this.id, (charge, event) => this.draw(charge, event), this.signal);
      if (hasEnded || this.signal.aborted) return;
      put(this.problem, h("div", { class: "actions" }, h("button", { type: "button", class: "button", onclick: () => this.follow() }, t("charge.look"))));
    } catch (error) {
      if (this.signal.aborted) return;
      put(this.problem, errorPanel(error, () => this.follow()));
      if (!this.shown) put(this.state);
    }
  }

  /** Draws what has changed, so that nothing is read out twice and no focus is lost. */
  draw(charge, event) {
    const shown = JSON.stringify([charge.status, charge.purchase, charge.failure, charge.expiresAt]);
    if (shown === this.shown) return;
    this.shown = shown;
    this.inner?.abort();
    this.inner = new AbortController();
    this.signal.addEventListener("abort", () => this.inner.abort());
    put(this.next);
    this[charge.status](charge, event);
  }

  say(key, name, charge) {
    put(this.state, h("p", { class: "lead", "data-says": key }, icon(name), " ", t(key, { amount: money(charge.amount, charge.currency) })));
  }

  link(kind, text, ...segments) {
    return h("a", { class: kind, href: href(...segments) }, text);
  }

  // --- One for each status

  PENDING(charge) {
    this.say("charge.pending", "clock", charge);
    const go = asyncButton(h("button", { type: "button", class: "button", "data-testid": "to-checkout" }, t("charge.continue")), () => this.leave(charge));
    put(this.next,
      h("p", {}, t("charge.left"), " ", countdown(charge.expiresAt, this.inner.signal, { label: t("charge.left") })),
      h("p", { class: "quiet-text" }, t("charge.safe")),
      h("div", { class: "actions" }, charge.checkout && go, this.back(charge)));
    if (charge.checkout && takeOpening()) this.leave(charge);
  }

  DONE(charge, event) {
    if (charge.purchase === "PAID") {
      forgetHold(charge.payFor);
      announce(t("pay.done"));
      this.say("charge.paid", "check", charge);
      this.endTurn(charge);
      redirect("tickets", charge.payFor);
      return;
    }
    if (charge.purchase === "DUE") {
      this.say("charge.due", "clock", charge);
      return;
    }
    if (charge.purchase === "NOT_PAID" || charge.purchase === "RETURNED") {
      const isReturned = charge.purchase === "RETURNED";
      forgetHold(charge.payFor);
      this.say(isReturned ? "charge.returned" : "charge.too_late", "warn", charge);
      put(this.next, isReturned && withdrawalProgress(({ chargeId }) => chargeId === charge.chargeId, this.inner.signal),
        h("div", { class: "actions" }, this.link("button", t("nav.wallet"), "wallet"), this.link("button quiet", t("nav.events"))));
      return;
    }
    this.say("charge.topped_up", "check", charge);
    put(this.next, h("div", { class: "actions" },
      event && this.link("button", t("charge.to_tickets"), "e", event, "shop"),
      this.link(event ? "button quiet" : "button", t("nav.wallet"), "wallet")));
  }

  FAILED(charge) {
    this.say(charge.failure === "DIFFERS" ? "charge.differs" : "charge.refused", "warn", charge);
    alarm(this.state.textContent);
    if (charge.failure === "DIFFERS") put(this.next, h("div", { class: "actions" }, this.back(charge)));
    else this.offerAgain(charge);
  }

  EXPIRED(charge) {
    this.say("charge.expired", "lock", charge);
    this.offerAgain(charge);
  }

  /** The purchase has ended the turn. */
  endTurn(charge) {
    api.getReservation(charge.payFor, { attempts: 1 }).then(({ eventId }) => refreshPlace(eventId).catch(() => endTurn(eventId)), () => {});
  }

  back(charge) {
    return charge.payFor
      ? this.link("button quiet", t("charge.to_reservation"), "tickets", charge.payFor)
      : this.link("button quiet", t("nav.wallet"), "wallet");
  }

  /** Nothing was taken. While the hold lasts, the buyer may pay again. */
  async offerAgain(charge) {
    const { signal } = this.inner;
    const walletOnly = () => put(this.next, h("div", { class: "actions" }, this.back(charge)));
    walletOnly();
    if (!charge.payFor) return;
    try {
      const reservation = await api.getReservation(charge.payFor, { signal });
      if (signal.aborted) return;
      rememberHold(reservation);
      if (reservation.status !== "HELD") return;
      const again = asyncButton(h("button", { type: "button", class: "button", "data-testid": "try-again" }, t("charge.again")), () => this.payAgain(reservation));
      put(this.next,
        h("p", {}, t("hold.left"), " ", countdown(reservation.heldUntil, signal, { label: t("hold.left"), onZero: walletOnly })),
        h("div", { class: "actions" }, again, this.back(charge)));
    } catch (error) {
      if (!signal.aborted) put(this.problem, errorPanel(error, () => this.offerAgain(charge)));
    }
  }

  async payAgain(reservation) {
    put(this.problem);
    try {
      const outcome = await pay(holdOrder(reservation), this.signal);
      if (!outcome || this.signal.aborted) return;
      if (outcome.charge) await goToCheckout(outcome.charge);
      else redirect("tickets", reservation.reservationId);
    } catch (error) {
      this.fail(error);
    }
  }

  async leave(charge) {
    put(this.problem);
    try {
      await goToCheckout(charge);
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error) {
    if (this.signal.aborted) return;
    put(this.problem, errorPanel(error));
    alarm(errorText(error));
  }
}

// The form that gives money of the wallet back to where it came from.

import { AmountField, problemNotice } from "./amount-field.js";
import * as api from "./api.js";
import { alarm, announce, confirm, h, put, setText } from "./dom.js";
import { money, t } from "./i18n.js";
import { watch } from "./storage.js";
import { errorText, notice } from "./ui.js";

/** The panel with the form, which is hidden while nothing can go back. */
export class WithdrawPanel {
  /** `onWithdrawn`: money has left the wallet, by this form or in another tab. */
  constructor(currency, { signal, onWithdrawn }) {
    Object.assign(this, { currency, signal, most: 0 });
    this.problem = h("div", {});
    this.button = h("button", { type: "submit", class: "button quiet", "data-testid": "withdraw" });
    this.note = h("p", { class: "quiet-text", id: "withdraw-note" });
    this.field = new AmountField(currency, { id: "withdraw-amount", note: "withdraw-note", problem: this.problem, onReading: () => this.showReading() });
    const form = h("form", { class: "charge", novalidate: true },
      h("label", { for: "withdraw-amount" }, t("withdraw.label", { currency })),
      h("div", { class: "charge-line" }, this.field.input, this.button),
      this.note, this.problem);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.panel = h("section", { class: "panel", "aria-labelledby": "withdraw-title", "data-testid": "withdraw-panel", hidden: true },
      h("h2", { id: "withdraw-title" }, t("withdraw.title")), form);
    watch((name) => { if (api.withdrawals.answered(name)) onWithdrawn(); }, signal);
    // Requests of another tab, or of this one before it was reloaded, whose answers are not known here.
    for (const request of api.withdrawals.pending()) {
      put(this.problem, notice(t("withdraw.settling", { amount: money(request.amount, currency) })));
      this.settle(request);
    }
  }

  /** How much can go back now. It is filled in. */
  offer(withdrawable) {
    this.panel.hidden = withdrawable === 0 && api.withdrawals.pending().length === 0 && !this.problem.hasChildNodes();
    setText(this.note, t("withdraw.most", { amount: money(withdrawable, this.currency) }));
    if (withdrawable === this.most) return;
    this.most = withdrawable;
    if (withdrawable > 0) this.field.fill(withdrawable);
    else this.field.clear();
  }

  /** The button says how the amount is understood. */
  showReading() {
    const amount = this.field.amount();
    setText(this.button, amount ? t("withdraw.amount", { amount: money(amount, this.currency) }) : t("withdraw.yes"));
  }

  async submit() {
    const amount = this.field.take();
    if (!amount) return;
    if (amount > this.most) {
      this.field.complain(this.refusal());
      return;
    }
    const sum = money(amount, this.currency);
    const isSure = await confirm({ title: t("withdraw.confirm", { amount: sum }), text: t("withdraw.text"), yes: t("withdraw.amount", { amount: sum }), no: t("withdraw.no") });
    if (isSure && !this.signal.aborted) this.settle(api.withdrawals.begin(amount));
  }

  refusal() {
    return t("error.not_withdrawable", { amount: money(this.most, this.currency) });
  }

  async settle(request) {
    const { button, currency, problem } = this;
    const amount = money(request.amount, currency);
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await api.withdrawals.settle(request);
      put(problem);
      if (answer) announce(t("withdrawal.PENDING", { amount }));
    } catch (error) {
      if (this.signal.aborted) return;
      const isUnsure = api.withdrawals.pending().some((pending) => pending.key === request.key);
      if (error.code === "not_withdrawable") this.offer(error.fields.withdrawable);
      const text = isUnsure ? t("withdraw.unsure", { amount }) : errorText(error);
      put(problem, problemNotice(text, isUnsure && h("button", { type: "button", class: "button small", onclick: () => this.settle(request) }, t("again"))));
      this.panel.hidden = false;
      alarm(text);
    } finally {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  }
}

// The form that charges the wallet.

import { AmountField, problemNotice } from "./amount-field.js";
import * as api from "./api.js";
import { goToCheckout, rememberCheckout } from "./checkouts.js";
import { alarm, announce, h, put, setText } from "./dom.js";
import { decimals, money, t } from "./i18n.js";
import { watch } from "./storage.js";
import { errorText, notice } from "./ui.js";

/** In the currency's major unit; times 1,000 for currencies without a minor unit, like the won. */
const PRESETS = [10, 50, 100];

/** Submitting it several times charges once. `onCharged`: a charge was made, by this form or in another tab. */
export function topUpForm(currency, { signal, charging, onCharged }) {
  const digits = decimals(currency);
  const presets = PRESETS.map((preset) => (digits === 0 ? preset * 1000 : preset * 10 ** digits));
  const problem = h("div", {});
  const button = h("button", { type: "submit", class: "button", "data-testid": "charge" });
  /** The button says how the amount is understood, before it is charged. */
  const showReading = () => {
    const amount = field.amount();
    setText(button, amount ? t("wallet.charge_amount", { amount: money(amount, currency) }) : t("wallet.charge"));
  };
  const field = new AmountField(currency, { id: "charge-amount", note: "charge-note", problem, onReading: showReading });
  const { input } = field;
  const form = h("form", { class: "charge", novalidate: true },
    h("label", { for: "charge-amount" }, t("wallet.amount", { currency })),
    h("div", { class: "charge-line" }, input, button),
    h("div", { class: "presets", role: "group", "aria-label": t("wallet.presets") },
      presets.map((preset) => h("button", { type: "button", class: "preset", onclick: () => { field.fill(preset); input.focus(); } }, money(preset, currency)))),
    h("p", { class: "quiet-text", id: "charge-note" }, t(charging === "provider" ? "pay.leaves" : "wallet.demo")),
    problem);

  let running = 0;
  const settle = async (charge) => {
    running += 1;
    input.disabled = true;
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await api.charges.settle(charge);
      if (answer?.status) {
        rememberCheckout(answer);
        await goToCheckout(answer);
      } else if (answer) announce(t("wallet.charged", { amount: money(answer.amount, currency) }));
      put(problem);
    } catch (error) {
      if (signal.aborted) return;
      const isUnsure = api.charges.pending().some((pending) => pending.key === charge.key);
      const text = isUnsure ? t("wallet.unsure", { amount: money(charge.amount, currency) }) : errorText(error);
      put(problem, problemNotice(text, isUnsure && h("button", { type: "button", class: "button small", onclick: () => settle(charge) }, t("again"))));
      alarm(text);
    } finally {
      running -= 1;
      if (running === 0) {
        input.disabled = false;
        button.disabled = false;
        button.removeAttribute("aria-busy");
      }
    }
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const amount = field.take();
    if (!amount) return;
    field.clear();
    settle(api.charges.begin(amount));
  });
  // Charges of another tab, or of this one before it was reloaded, whose answers are not known here.
  for (const charge of api.charges.pending()) {
    put(problem, notice(t("wallet.settling", { amount: money(charge.amount, currency) })));
    settle(charge);
  }
  watch((name) => { if (api.charges.answered(name)) onCharged(); }, signal);
  showReading();
  return form;
}

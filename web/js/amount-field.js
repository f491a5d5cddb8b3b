// A field for an amount of money, and how what was typed is understood.

import { readings, written } from "./amount.js";
import { h, icon, put } from "./dom.js";
import { decimals, language, money, numberLocales, t } from "./i18n.js";

/** The message that something went wrong, with what to do about it. */
export const problemNotice = (text, action) => h("div", { class: "notice bad", role: "alert" }, icon("warn"), h("div", {}, h("p", {}, text),
  action && h("div", { class: "actions" }, action)));

export class AmountField {
  /** `onReading`: called when the amount, or how it is understood, may have changed. `problem`: where complaints are shown. */
  constructor(currency, { id, note, problem, onReading }) {
    Object.assign(this, { currency, problem, onReading, digits: decimals(currency), filled: { text: "", amount: null } });
    this.input = h("input", { type: "text", inputmode: "decimal", id, autocomplete: "off", required: true, "aria-describedby": note, oninput: onReading });
  }

  /** Every amount that the text can mean. What the page itself wrote has one meaning, whatever the languages. */
  amounts() {
    const { text, amount } = this.filled;
    return amount && this.input.value === text ? [amount] : readings(this.input.value, this.digits, numberLocales());
  }

  /** The amount, if it is clear. */
  amount() {
    const [amount, another] = this.amounts();
    return another ? undefined : amount;
  }

  fill(amount) {
    this.filled = { text: written(amount, this.digits, language()), amount };
    this.input.value = this.filled.text;
    this.onReading();
  }

  clear() {
    this.input.value = "";
    this.onReading();
  }

  /** The amount. If it is not clear, says so and returns undefined. */
  take() {
    const amount = this.amount();
    if (amount) {
      this.input.removeAttribute("aria-invalid");
      put(this.problem);
      return amount;
    }
    const [first, second] = this.amounts();
    const example = new Intl.NumberFormat(language(), { minimumFractionDigits: this.digits }).format(this.digits === 0 ? 12500 : 1250.5);
    this.complain(second
      ? t("wallet.ambiguous", { first: money(first, this.currency), second: money(second, this.currency), example })
      : t("wallet.not_an_amount", { example }));
    return undefined;
  }

  complain(text) {
    put(this.problem, problemNotice(text));
    this.input.setAttribute("aria-invalid", "true");
    this.input.focus();
  }
}

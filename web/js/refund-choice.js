// Where the refund of a cancelled ticket goes: to the wallet, or back to where the money came from.

import * as api from "./api.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";

/** What the buyer can choose, with the event's way chosen first. */
class RefundChoice {
  constructor(first) {
    const option = (to) => h("label", { class: "choice" },
      h("input", { type: "radio", name: "refund-to", value: to, checked: to === first }),
      h("span", {}, t(`refund.to_${to}`), h("span", { class: "quiet-text" }, t(`refund.to_${to}_text`))));
    this.element = h("fieldset", { class: "choices", "data-testid": "refund-choice" },
      h("legend", {}, t("refund.where")), option("wallet"), option("source"));
  }

  chosen() {
    return this.element.querySelector("input:checked").value;
  }
}

/**
 * The choice for a paid reservation, or null if nothing of its refund could go anywhere but to the wallet. What was paid at the payment
 * provider can go back there, up to what the wallet has of it.
 */
export async function refundChoice({ refundable }, event, signal) {
  if (!refundable) return null;
  const { balance, withdrawable, charging } = await api.balance({ signal, attempts: 2 });
  if (charging !== "provider" || (balance > 0 && withdrawable === 0)) return null;
  return new RefundChoice(event?.refundTo ?? "wallet");
}

// Prices as buyers pay them, with the event's fees. The API's prices are without fees.

import { h } from "./dom.js";
import { money, t } from "./i18n.js";

/** What a ticket of this price costs with its fee. A free ticket has no fee. */
export const ticketPrice = ({ fees }, price) => (price === 0 ? 0 : price + (fees?.perTicket ?? 0));

/** The fee of an order of tickets of these prices. */
export const orderFee = ({ fees }, prices) => (prices.some((price) => price > 0) ? fees?.perOrder ?? 0 : 0);

/** What an order of tickets of these prices costs. */
export const orderTotal = (event, prices) => prices.reduce((sum, price) => sum + ticketPrice(event, price), orderFee(event, prices));

/** Whether a cancellation gives the fees back, in words. */
export const refundText = (fees) => t(fees.refundable ? "fees.refundable" : "fees.kept");

/** What the shown prices consist of, and what becomes of the fees; null if there are none. */
export function feeNote({ fees, currency, highestPrice }) {
  if (!fees || highestPrice === 0) return null;
  const lines = [
    fees.perTicket > 0 && t("fees.ticket", { fee: money(fees.perTicket, currency) }),
    fees.perOrder > 0 && t("fees.order", { fee: money(fees.perOrder, currency) }),
    refundText(fees),
  ];
  return h("p", { class: "quiet-text", "data-testid": "fees" }, lines.filter(Boolean).join(" "));
}

/** All fees of a reservation. */
export const reservedFees = ({ fees }) => (fees ? fees.tickets + fees.order : 0);

// The steps of a reservation's story, in words.
import { money, number, word } from "./words.js";

/** What the words of a step need. */
const DETAILS = {
  JOINED: (step) => [number(step.number), number(step.lane)],
  CALLED: (step) => [number(step.rank), number(step.lane)],
  CHARGE_BEGUN: (step) => [money(step.amount), step.chargeId],
  CHARGE_DONE: (step) => [money(step.amount), step.chargeId],
  LEDGER_ENTRY: (step) => [word(`kind_${step.kind}`), money(step.amount), money(step.balanceAfter)],
  CANCELLED: (step) => [money(step.refunded), money(step.refundedToSource), money(step.kept)],
  WITHDRAWAL_BEGUN: (step) => [money(step.amount), step.withdrawalId],
  WITHDRAWAL_ENDED: (step) => [step.withdrawalId, word(`withdrawal_${step.withdrawalStatus}`)],
};

/** A step of a later version is named as the API names it. */
export function stepText(step) {
  const name = `step_${step.what}`;
  return word(name, ...(DETAILS[step.what]?.(step) ?? [])) ?? step.what.toLowerCase().replaceAll("_", " ");
}

// Money that goes back from the wallet to where it came from: how far it is.

import * as api from "./api.js";
import { announce, h, icon, put } from "./dom.js";
import { dayAndTime, money, t } from "./i18n.js";
import { poll } from "./polling.js";
import { asyncButton } from "./ui.js";

/** A withdrawal is there as soon as something points to it, so it is not looked for more often than this. */
const MOST_MISSES = 3;

const ICONS = { PENDING: "clock", DONE: "check", REVERSED: "back" };

const wordsOf = ({ status, amount, currency }) => t(`withdrawal.${status}`, { amount: money(amount, currency) });

/**
 * Says of the withdrawals of a charge or a reservation how far they are, until they have ended. `belongs(withdrawal)` chooses them. They
 * are among the user's newest.
 */
export function withdrawalProgress(belongs, signal) {
  const box = h("div", { class: "withdrawal-progress", role: "status" });
  let shown = "";
  let misses = 0;
  const look = async () => {
    const { withdrawals } = await api.listWithdrawals({ signal });
    const ours = withdrawals.filter(belongs);
    const now = JSON.stringify(ours.map(({ status }) => status));
    if (now !== shown && !signal.aborted) put(box, ours.map((it) => h("p", { "data-says": `withdrawal.${it.status}` }, icon(ICONS[it.status]), " ", wordsOf(it))));
    shown = now;
    if (ours.length === 0) misses += 1;
    return ours.length === 0 ? misses >= MOST_MISSES : ours.every(({ status }) => status !== "PENDING");
  };
  // What the page says besides is right without it.
  poll(look, signal).catch(() => {});
  return box;
}

/** The list of the user's withdrawals, newest first, in a section that is hidden while there are none. */
export class WithdrawalList {
  /** `onEnd`: a withdrawal has ended, so the balance may have changed. */
  constructor(signal, onEnd) {
    Object.assign(this, { signal, onEnd, following: false });
    this.list = h("ol", { class: "entries" });
    this.more = h("div", { class: "actions" });
    this.section = h("section", { class: "panel withdrawals", "aria-labelledby": "withdrawals-title", "data-testid": "withdrawals", hidden: true },
      h("h2", { id: "withdrawals-title" }, t("withdrawals.title")), this.list, this.more);
  }

  /** Loads the newest ones, and follows those that are on their way. */
  async load() {
    await this.first();
    if (this.following || !this.isAnyPending) return;
    this.following = true;
    await poll(async () => {
      await this.first();
      return !this.isAnyPending;
    }, this.signal).finally(() => { this.following = false; });
  }

  /** The first page. It is drawn again only if it has changed. */
  async first() {
    const { withdrawals, nextCursor } = await api.listWithdrawals({ signal: this.signal });
    if (this.signal.aborted) return;
    const now = JSON.stringify(withdrawals);
    if (now === this.shown) return;
    const wasPending = this.isAnyPending;
    const ended = (this.withdrawals ?? []).filter(({ status }) => status === "PENDING")
      .map(({ withdrawalId }) => withdrawals.find((it) => it.withdrawalId === withdrawalId)).filter((it) => it && it.status !== "PENDING");
    Object.assign(this, { shown: now, withdrawals, isAnyPending: withdrawals.some(({ status }) => status === "PENDING") });
    this.section.hidden = withdrawals.length === 0;
    put(this.list, withdrawals.map(row));
    this.offerMore(nextCursor);
    for (const withdrawal of ended) announce(wordsOf(withdrawal));
    if (wasPending && ended.length > 0) this.onEnd();
  }

  offerMore(cursor) {
    put(this.more, cursor && asyncButton(h("button", { type: "button", class: "button quiet" }, t("more")), async () => {
      const { withdrawals, nextCursor } = await api.listWithdrawals({ cursor, signal: this.signal });
      this.list.append(...withdrawals.map(row));
      this.offerMore(nextCursor);
    }));
  }
}

function row(withdrawal) {
  const { amount, currency, status, createdAt } = withdrawal;
  return h("li", { "data-status": status },
    h("div", {},
      h("p", {}, icon(ICONS[status]), " ", wordsOf(withdrawal)),
      h("p", { class: "quiet-text" }, dayAndTime(createdAt))),
    h("div", { class: "entry-sums" }, h("p", {}, money(amount, currency))));
}

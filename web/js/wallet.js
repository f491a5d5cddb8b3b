// The wallet page: balance, charging, money that goes back, and the ledger.

import { href } from "./address.js";
import * as api from "./api.js";
import { lookAtCheckouts, openCheckouts } from "./checkouts.js";
import { h, icon, put } from "./dom.js";
import { dateText, dayAndTime, money, t } from "./i18n.js";
import { seatsText } from "./seating.js";
import { isOffered } from "./sign-in.js";
import { set, watch } from "./storage.js";
import { topUpForm } from "./top-up.js";
import { asyncButton, emptyPanel, errorPanel, setTitle, signInButton, skeleton } from "./ui.js";
import { WithdrawPanel } from "./withdraw.js";
import { WithdrawalList } from "./withdrawals.js";

export async function show(root, { signal }) {
  setTitle(t("nav.wallet"));
  const head = h("h1", {}, t("nav.wallet"));
  if (!(await api.hasToken())) {
    if (isOffered()) put(root, head, emptyPanel("lock", t("wallet.sign_in"), t("wallet.sign_in_text"), signInButton()));
    else put(root, head, emptyPanel("wallet", t("wallet.unknown"), t("wallet.unknown_text"), h("a", { class: "button", href: href() }, t("nav.events"))));
    return;
  }
  put(root, head, skeleton(4));
  const { currency, charging, ...first } = await api.balance({ signal });
  set("currency", currency);
  const amount = h("p", { class: "balance", "data-testid": "balance" });
  const ledger = h("section", { class: "panel ledger", "aria-labelledby": "ledger-title" });
  const draw = ({ balance, withdrawable }) => {
    put(amount, money(balance, currency));
    withdraw.offer(withdrawable);
  };
  /** After every change of the wallet, also in another tab. */
  const reload = async () => {
    draw(await api.balance({ signal }));
    await Promise.all([entries(ledger, currency, signal), list.load()]);
  };
  const changed = () => { reload().catch(() => {}); };
  const withdraw = new WithdrawPanel(currency, { signal, onWithdrawn: changed });
  const list = new WithdrawalList(signal, changed);
  draw(first);
  put(root, head,
    h("div", { class: "columns" },
      h("div", { class: "main-column" }, list.section, ledger),
      h("aside", { class: "side-column" },
        h("section", { class: "panel purse", "aria-labelledby": "purse-title" },
          h("h2", { id: "purse-title" }, t("wallet.balance")), amount, underWay(signal)),
        h("section", { class: "panel" }, h("h2", {}, t("wallet.charge_title")), topUpForm(currency, { signal, charging, onCharged: changed })),
        withdraw.panel)));
  if (charging === "provider") list.load().catch(() => {});
  await entries(ledger, currency, signal);
}

/** The payments at the payment provider that have not ended. */
function underWay(signal) {
  const box = h("div", { role: "status" });
  const draw = () => put(box, openCheckouts().map(({ chargeId, amount, currency }) => h("div", { class: "notice", "data-testid": "under-way" }, icon("clock"), h("div", {},
    h("p", {}, t("charge.under_way_of", { amount: money(amount, currency) })),
    h("div", { class: "actions" }, h("a", { class: "button small", href: href("wallet", "charges", chargeId) }, t("charge.look")))))));
  draw();
  watch((key) => { if (/^checkout\.|^$/.test(key)) draw(); }, signal);
  lookAtCheckouts();
  return box;
}

async function entries(section, currency, signal) {
  const list = h("ol", { class: "entries" });
  const more = h("div", { class: "actions" });
  put(section, h("h2", { id: "ledger-title" }, t("ledger.title")), skeleton(3));
  let cursor;
  const page = async () => {
    try {
      const answer = await api.listLedger({ cursor, signal });
      cursor = answer.nextCursor;
      if (!list.isConnected) put(section, h("h2", { id: "ledger-title" }, t("ledger.title")), answer.entries.length ? list : h("p", { class: "quiet-text" }, t("ledger.none")), more);
      list.append(...answer.entries.map((entry) => row(entry, currency)));
      put(more, cursor && asyncButton(h("button", { type: "button", class: "button quiet" }, t("more")), page));
    } catch (error) {
      if (!signal.aborted) put(list.isConnected ? more : section, errorPanel(error, page));
    }
  };
  await page();
}

function row(entry, currency) {
  const sign = entry.amount > 0 ? "+" : "−";
  const kind = t(`ledger.${entry.kind}`);
  return h("li", {},
    h("div", {},
      h("p", {}, entry.reservationId ? h("a", { href: href("tickets", entry.reservationId) }, kind) : kind),
      entry.eventName && h("p", { class: "entry-for" }, t("ledger.for", { event: entry.eventName, what: what(entry) })),
      h("p", { class: "quiet-text" }, dayAndTime(entry.at))),
    h("div", { class: "entry-sums" },
      h("p", { class: entry.amount > 0 ? "plus" : "" }, `${sign}${money(Math.abs(entry.amount), currency)}`),
      h("p", { class: "quiet-text" }, t("ledger.after", { amount: money(entry.balanceAfter, currency) }))));
}

/** The date and the seats that were paid or refunded: "Thu, Dec 24, R, row 3, seats 4–5". */
function what({ date, seats, quantity }) {
  return [date && dateText(date), seats ? seatsText(seats) : t("tickets", { n: quantity })].filter(Boolean).join(", ");
}

// The wallet page: balance, charging, and the ledger.

import { href } from "./address.js";
import * as api from "./api.js";
import { readings, written } from "./amount.js";
import { goToCheckout, lookAtCheckouts, openCheckouts, rememberCheckout } from "./checkouts.js";
import { alarm, announce, h, icon, put, setText } from "./dom.js";
import { dateText, dayAndTime, decimals, language, money, numberLocales, t } from "./i18n.js";
import { asyncButton, emptyPanel, errorPanel, errorText, notice, setTitle, signInButton, skeleton } from "./ui.js";
import { seatsText } from "./seating.js";
import { isOffered } from "./sign-in.js";
import { set, watch } from "./storage.js";

/** In the currency's major unit; times 1,000 for currencies without a minor unit, like the won. */
const PRESETS = [10, 50, 100];

export async function show(root, { signal }) {
  setTitle(t("nav.wallet"));
  const head = h("h1", {}, t("nav.wallet"));
  if (!(await api.hasToken())) {
    if (isOffered()) put(root, head, emptyPanel("lock", t("wallet.sign_in"), t("wallet.sign_in_text"), signInButton()));
    else put(root, head, emptyPanel("wallet", t("wallet.unknown"), t("wallet.unknown_text"), h("a", { class: "button", href: href() }, t("nav.events"))));
    return;
  }
  put(root, head, skeleton(4));
  const { balance, currency, charging } = await api.balance({ signal });
  set("currency", currency);
  const amount = h("p", { class: "balance", "data-testid": "balance" }, money(balance, currency));
  const ledger = h("section", { class: "panel ledger", "aria-labelledby": "ledger-title" });
  put(root, head,
    h("div", { class: "columns" },
      h("div", { class: "main-column" }, ledger),
      h("aside", { class: "side-column" },
        h("section", { class: "panel purse", "aria-labelledby": "purse-title" },
          h("h2", { id: "purse-title" }, t("wallet.balance")), amount, underWay(signal)),
        h("section", { class: "panel" }, h("h2", {}, t("wallet.charge_title")),
          charger(currency, { signal, charging, onBalance: (after) => { put(amount, money(after, currency)); entries(ledger, currency, signal); } })))));
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

/**
 * The form that charges the wallet. Submitting it several times charges once. `onBalance(balance)`: a charge was made, by this form or
 * in another tab.
 */
function charger(currency, { signal, charging, onBalance }) {
  const digits = decimals(currency);
  const presets = PRESETS.map((preset) => (digits === 0 ? preset * 1000 : preset * 10 ** digits));
  const input = h("input", { type: "text", inputmode: "decimal", id: "charge-amount", autocomplete: "off", required: true, "aria-describedby": "charge-note", oninput: () => showReading() });
  const problem = h("div", {});
  const button = h("button", { type: "submit", class: "button", "data-testid": "charge" });
  const form = h("form", { class: "charge", novalidate: true },
    h("label", { for: "charge-amount" }, t("wallet.amount", { currency })),
    h("div", { class: "charge-line" }, input, button),
    h("div", { class: "presets", role: "group", "aria-label": t("wallet.presets") },
      presets.map((preset) => h("button", { type: "button", class: "preset", onclick: () => { fill(preset); input.focus(); } }, money(preset, currency)))),
    h("p", { class: "quiet-text", id: "charge-note" }, t(charging === "provider" ? "pay.leaves" : "wallet.demo")),
    problem);
  // What the page itself wrote into the field has one meaning, whatever the languages.
  let filled = { text: "", amount: null };
  const fill = (amount) => {
    filled = { text: written(amount, digits, language()), amount };
    input.value = filled.text;
    showReading();
  };
  const amounts = () => (filled.amount && input.value === filled.text ? [filled.amount] : readings(input.value, digits, numberLocales()));
  /** The button says how the amount is understood, before it is charged. */
  const showReading = () => {
    const [amount, another] = amounts();
    setText(button, amount && !another ? t("wallet.charge_amount", { amount: money(amount, currency) }) : t("wallet.charge"));
  };

  let running = 0;
  const settle = async (charge) => {
    running += 1;
    input.disabled = true;
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await api.settleCharge(charge);
      if (answer?.status) {
        rememberCheckout(answer);
        await goToCheckout(answer);
      } else if (answer) announce(t("wallet.charged", { amount: money(answer.amount, currency) }));
      put(problem);
    } catch (error) {
      if (signal.aborted) return;
      const isUnsure = api.pendingCharges().some((pending) => pending.key === charge.key);
      const text = isUnsure ? t("wallet.unsure", { amount: money(charge.amount, currency) }) : errorText(error);
      put(problem, h("div", { class: "notice bad", role: "alert" }, icon("warn"), h("div", {}, h("p", {}, text),
        isUnsure && h("div", { class: "actions" }, h("button", { type: "button", class: "button small", onclick: () => settle(charge) }, t("again"))))));
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
    const [amount, another] = amounts();
    if (!amount || another) {
      const example = new Intl.NumberFormat(language(), { minimumFractionDigits: digits }).format(digits === 0 ? 12500 : 1250.5);
      const text = another
        ? t("wallet.ambiguous", { first: money(amount, currency), second: money(another, currency), example })
        : t("wallet.not_an_amount", { example });
      put(problem, h("div", { class: "notice bad", role: "alert" }, icon("warn"), h("p", {}, text)));
      input.setAttribute("aria-invalid", "true");
      input.focus();
      return;
    }
    input.removeAttribute("aria-invalid");
    put(problem);
    input.value = "";
    showReading();
    settle(api.newCharge(amount));
  });
  // Charges of another tab, or of this one before it was reloaded, whose answers are not known here.
  for (const charge of api.pendingCharges()) {
    put(problem, notice(t("wallet.settling", { amount: money(charge.amount, currency) })));
    settle(charge);
  }
  watch((name) => {
    const key = api.answeredCharge(name);
    if (key) api.balance({ signal }).then(({ balance }) => { if (!signal.aborted) onBalance(balance); }).catch(() => {});
  }, signal);
  showReading();
  return form;
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

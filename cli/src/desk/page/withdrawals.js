// Money that is on its way back to where it came from.
import { fetchJson } from "./api.js";
import { fillTable, make, table } from "./dom.js";
import { moment, money, word } from "./words.js";

export async function open(into) {
  document.title = `${word("withdrawals")} · Boxoffice`;
  const columns = [word("when"), word("user"), word("amount"), word("withdrawal"), word("providersRefund")];
  const shown = table("open-withdrawals", word("withdrawalsNote"), columns);
  const none = make("p", { class: "quiet", text: word("noWithdrawals") });
  into.append(make("section", {}, make("h2", { text: word("withdrawals") }), none, shown));
  const refresh = async () => {
    const { withdrawals } = await fetchJson("/api/withdrawals");
    none.hidden = withdrawals.length > 0;
    shown.hidden = withdrawals.length === 0;
    const rows = withdrawals.map((it) => [moment(it.createdAt), it.userId, money(it.amount), it.withdrawalId, it.problem ?? it.providerRefundId ?? ""]);
    fillTable(shown, rows);
  };
  return { refresh, everyMs: 10_000 };
}

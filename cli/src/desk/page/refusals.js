// How often requests were refused, by code, of all events.
import { fetchJson } from "./api.js";
import { card, fillTable, make, table } from "./dom.js";
import { number, word } from "./words.js";

export function refusalsOf() {
  const note = make("p", { id: "refusals-note", class: "quiet" });
  const shown = table("refusal-codes", word("refusals"), [word("code"), word("times")]);
  const refresh = async () => {
    const { since, byCode, message } = await fetchJson("/api/refusals");
    const codes = Object.entries(byCode).sort(([, a], [, b]) => b - a);
    note.textContent = message ?? `${word(since)}${codes.length === 0 ? `: ${word("none")}` : ""}`;
    shown.hidden = codes.length === 0;
    fillTable(shown, codes.map(([code, times]) => [code, number(times)]));
  };
  return { element: card("refusals", word("refusals"), note, shown), refresh };
}

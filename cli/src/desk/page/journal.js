// What operators did.
import { fetchJson } from "./api.js";
import { fillTable, make, table } from "./dom.js";
import { moment, word } from "./words.js";

export const journalTable = (id) => table(id, word("journalNote"), [word("when"), word("what"), word("who"), word("whyColumn")]);

function what(entry, withEvent) {
  const of = withEvent ? `${entry.eventId ?? word("theTable")}: ` : "";
  if (entry.details.length === 0) return make("span", { text: `${of}${entry.act}` });
  const lines = entry.details.map((line) => make("li", { text: line.trim() }));
  return make("details", {}, make("summary", { text: `${of}${entry.act}` }), make("ul", {}, ...lines));
}

/** Replaces the rows only if there are other entries, so that an opened one stays open. */
export function showJournal(shown, entries, withEvent) {
  const key = `${entries.length} ${entries[0]?.at ?? ""}`;
  if (shown.dataset.shown === key) return;
  shown.dataset.shown = key;
  const rows = entries.map((entry) => [moment(entry.at), what(entry, withEvent), entry.who, entry.why ?? ""]);
  fillTable(shown, rows.length > 0 ? rows : [[word("nothingDone"), "", "", ""]]);
}

export async function open(into) {
  document.title = `${word("journal")} · Boxoffice`;
  const shown = journalTable("journal-entries");
  into.append(make("section", {}, make("h2", { text: word("journal") }), shown));
  const refresh = async () => showJournal(shown, (await fetchJson("/api/journal")).entries, true);
  return { refresh, everyMs: 10_000 };
}

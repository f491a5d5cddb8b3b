// An event's sales: figures, charts, dates, and files to save.
import { call } from "./api.js";
import { chartPlace } from "./charts.js";
import { button, card, fillTable, make, showFigures, table } from "./dom.js";
import { money, number, word } from "./words.js";

function save(text, type, name) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** `showSeats` is called with a date whose seats are to be shown or hidden. */
export function salesOf(id, path, showSeats) {
  const shown = make("dl", { class: "figures", id: "sales-figures" });
  const charts = {
    sold: chartPlace("sold-chart", word("soldChart")),
    revenue: chartPlace("revenue-chart", word("revenueChart")),
  };
  const columns = [word("date"), word("sold"), word("held"), word("blocked"), word("left"), word("revenue"), ""];
  const dates = table("dates", word("dates"), columns);
  const error = make("p", { role: "alert", class: "error" });
  const download = async (format, type) => {
    error.textContent = "";
    try {
      const response = await call(`${path}/report.${format}`);
      save(await response.text(), type, `${id}.${format}`);
    } catch (failed) {
      error.textContent = failed.message;
    }
  };
  const exports = make(
    "p",
    { class: "buttons exports" },
    button(word("exportCsv"), () => download("csv", "text/csv"), { id: "csv" }),
    button(word("exportJson"), () => download("json", "application/json"), { id: "json" }),
  );
  const element = card("sales", word("sales"), shown, make("div", { class: "charts" }, ...Object.values(charts).map((chart) => chart.figure)), dates, exports, error);
  /** By date, so that none is replaced while it is pressed. */
  const buttons = new Map();
  const seatsButton = (date, open) => {
    if (!buttons.has(date)) buttons.set(date, button("", () => showSeats(date)));
    const found = buttons.get(date);
    found.setAttribute("aria-expanded", String(open === date));
    const text = word(open === date ? "hideSeats" : "showSeats");
    if (found.textContent !== text) found.textContent = text;
    found.setAttribute("aria-label", `${text}, ${date}`);
    return found;
  };
  const show = (event, open) => {
    const { sales } = event;
    showFigures(shown, [
      [word("sold"), number(sales.sold), word("of", number(sales.total))],
      [word("held"), number(sales.held)],
      [word("blocked"), number(sales.blocked)],
      [word("left"), number(Math.max(0, sales.total - sales.sold - sales.held - sales.blocked))],
      [word("revenue"), money(sales.revenue)],
    ]);
    dates.hidden = sales.dates.length === 0;
    fillTable(
      dates,
      sales.dates.map((date) => [
        date.date,
        number(date.sold),
        number(date.held),
        number(date.blocked),
        number(date.total - date.sold - date.held - date.blocked),
        money(date.revenue),
        seatsButton(date.date, open),
      ]),
    );
  };
  return { element, charts, show };
}

// The view of an event: its queue, its sales, its seats, and what operators did to it.
import { fetchJson, may } from "./api.js";
import { cancelling } from "./cancelling.js";
import { chooseSpan, chosenSpan, drawCharts, SPANS } from "./charts.js";
import { card, make } from "./dom.js";
import { journalTable, showJournal } from "./journal.js";
import { queueOf } from "./queue.js";
import { refusalsOf } from "./refusals.js";
import { salesOf } from "./sales.js";
import { seatsOf } from "./seating.js";
import { word } from "./words.js";

function spanChoice(onchange) {
  const options = SPANS.map((span) => make("option", { value: span, text: word(`${span}Span`), selected: span === chosenSpan() }));
  const select = make("select", { id: "span" }, ...options);
  select.addEventListener("change", () => {
    chooseSpan(select.value);
    onchange();
  });
  return make("label", { class: "span", text: `${word("span")} ` }, select);
}

export async function open(into, id) {
  const path = `/api/events/${encodeURIComponent(id)}`;
  const title = make("div", {}, make("h2", { id: "name" }), make("p", { id: "venue", class: "quiet" }));
  const state = make("p", { id: "state" });
  let refresh = async () => {};
  const head = make("section", { class: "title" }, title, spanChoice(() => refresh().catch(() => {})), state);
  const queue = queueOf(path, () => refresh());
  const seats = seatsOf(path, () => refresh());
  const sales = salesOf(id, path, (date) => seats.toggle(date));
  const cancellation = may("DECIDE") ? cancelling(id, path, () => refresh()) : null;
  const journal = journalTable("event-journal");
  const refusals = refusalsOf();
  const parts = [head, queue.element, sales.element, seats.element, cancellation?.element, refusals.element];
  const body = make("div", { class: "parts", hidden: true }, ...parts.filter(Boolean), card("journal", word("journal"), journal));
  into.append(body);
  refresh = async () => {
    const event = await fetchJson(path);
    body.hidden = false;
    title.querySelector("h2").textContent = event.eventName;
    title.querySelector("p").textContent = event.venue;
    state.textContent = word(event.cancelledAt ? "CANCELLED_EVENT" : event.state);
    state.className = `state ${event.state}`;
    document.title = `${event.eventName} · Boxoffice`;
    queue.show(event);
    sales.show(event, seats.date());
    await cancellation?.show(event);
    const { entries } = await fetchJson(`${path}/journal`);
    showJournal(journal, entries, false);
    await Promise.all([drawCharts({ ...queue.charts, ...sales.charts }, event), seats.refresh(), refusals.refresh()]);
  };
  return { refresh, everyMs: 2_000 };
}

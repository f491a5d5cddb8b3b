// The operator's page.
import { call, fetchJson, loadRole, may, takeKey } from "./api.js";
import { chooseSpan, chosenSpan, drawCharts } from "./charts.js";
import { drawSection } from "./seats.js";
import { currentLanguage, money, number, setLanguage, time, translatePage, word } from "./words.js";

const byId = (id) => document.getElementById(id);
const REFRESH_INTERVAL_MS = 2000;

let selectedEvent = null;
let seatsDate = null;
/** The buttons of the selected event, by date. */
const seatsButtons = new Map();
let lastRefresh = 0;

function showFigures(into, list) {
  const parts = list.map(([label, value, note]) => {
    const part = document.createElement("div");
    const dt = document.createElement("dt");
    const dd = document.createElement("dd");
    dt.textContent = label;
    dd.textContent = value;
    if (note) {
      const small = document.createElement("small");
      small.textContent = ` ${note}`;
      dd.append(small);
    }
    part.append(dt, dd);
    return part;
  });
  byId(into).replaceChildren(...parts);
}

/** Changes only the cells that differ. A button that is replaced between press and release would not be clicked. */
function fillTable(table, list) {
  byId(table).hidden = list.length === 0;
  const body = byId(table).querySelector("tbody");
  while (body.rows.length > list.length) body.lastElementChild.remove();
  for (const [i, cells] of list.entries()) {
    const row = body.rows[i] ?? body.insertRow();
    for (const [j, cell] of cells.entries()) {
      const td = row.cells[j] ?? row.insertCell();
      if (!(cell instanceof Node)) td.textContent = cell;
      else if (td.firstChild !== cell) td.replaceChildren(cell);
    }
  }
}

// Leaves the input alone while the operator types in it.
function setInput(id, value) {
  if (document.activeElement !== byId(id)) byId(id).value = value;
}

function showQueue(event) {
  const { queue } = event;
  const decided = queue.arrived + queue.missed;
  const noShows = decided > 0 ? `${number(Math.round((queue.missed / decided) * 100))} %` : "–";
  const rate = queue.admittedPerMinute;
  showFigures("queue-figures", [
    [word("waiting"), number(queue.waiting)],
    [word("inside"), number(queue.inside), word("of", number(queue.maxActive))],
    [word("expected"), number(queue.expected)],
    [word("perMinute"), rate === undefined ? "–" : number(Math.round(rate * 10) / 10), rate === undefined ? word("notMeasured") : ""],
    [word("noShows"), noShows, decided > 0 ? word("of", number(decided)) : ""],
    [word("issued"), number(queue.issued)],
  ]);
  const lanes = queue.lanes.length > 1 ? queue.lanes : [];
  fillTable("lanes", lanes.map((lane, i) => [number(i), number(lane.issued), number(lane.called), number(lane.waiting), number(lane.inside)]));
  byId("pause").disabled = event.state === "PAUSED" || event.state === "CLOSED";
  byId("resume").disabled = event.state === "OPEN" || event.state === "NOT_OPEN";
  byId("close").disabled = event.state === "CLOSED";
  setInput("max-active", queue.maxActive);
  const steered = queue.maxActive !== queue.catalogueMaxActive;
  byId("max-active-note").textContent = steered ? word("catalogueSays", number(queue.catalogueMaxActive)) : "";
  byId("batch-form").hidden = !queue.batch;
  if (queue.batch) {
    setInput("batch-size", queue.batch.size);
    byId("batch-note").textContent = word("every", number(queue.batch.seconds));
  }
  byId("beacon-form").hidden = !queue.awaitsBeacon;
  byId("beacon-note").textContent = queue.awaitsBeacon ?? "";
}

function showSales(event) {
  const { sales } = event;
  showFigures("sales-figures", [
    [word("sold"), number(sales.sold), word("of", number(sales.total))],
    [word("held"), number(sales.held)],
    [word("blocked"), number(sales.blocked)],
    [word("left"), number(Math.max(0, sales.total - sales.sold - sales.held - sales.blocked))],
    [word("revenue"), money(sales.revenue, event)],
  ]);
  fillTable("dates", sales.dates.map((date) => [
    date.date,
    number(date.sold),
    number(date.held),
    number(date.blocked),
    number(date.total - date.sold - date.held - date.blocked),
    money(date.revenue, event),
    seatsButton(date.date),
  ]));
}

function seatsButton(date) {
  if (!seatsButtons.has(date)) {
    const button = document.createElement("button");
    button.type = "button";
    button.addEventListener("click", () => {
      seatsDate = seatsDate === date ? null : date;
      refresh();
    });
    seatsButtons.set(date, button);
  }
  const button = seatsButtons.get(date);
  button.setAttribute("aria-expanded", String(seatsDate === date));
  const text = word(seatsDate === date ? "hideSeats" : "showSeats");
  if (button.textContent !== text) button.textContent = text;
  return button;
}

async function showSeats() {
  const [event, date] = [selectedEvent, seatsDate];
  byId("seats").hidden = date === null;
  if (date === null) return;
  const { sections } = await fetchJson(`/api/events/${encodeURIComponent(event)}/dates/${encodeURIComponent(date)}`);
  // Another event or date was selected meanwhile.
  if (selectedEvent !== event || seatsDate !== date) return;
  byId("seats-heading").textContent = word("seatsOf", date);
  byId("sections").replaceChildren(...sections.flatMap(drawSection));
}

async function showRefusals() {
  const { since, byCode, message } = await fetchJson("/api/refusals");
  const codes = Object.entries(byCode).sort(([, a], [, b]) => b - a);
  byId("refusals-note").textContent = message ?? `${word(since)}${codes.length === 0 ? `: ${word("none")}` : ""}`;
  fillTable("refusals", codes.map(([code, times]) => [code, number(times)]));
}

function showEvent(event) {
  byId("main").hidden = false;
  byId("name").textContent = event.eventName;
  byId("venue").textContent = event.venue;
  byId("state").textContent = word(event.state);
  byId("state").className = `state ${event.state}`;
  document.title = `${event.eventName} · Boxoffice`;
  showQueue(event);
  showSales(event);
}

async function showCharts(event) {
  await drawCharts({ waiting: byId("waiting-chart"), inside: byId("inside-chart"), admittedPerMinute: byId("rate-chart"), noShows: byId("no-shows-chart"), sold: byId("sold-chart"), revenue: byId("revenue-chart") }, event);
}

function showConnection(text, lost) {
  byId("connection").textContent = text;
  byId("connection").classList.toggle("lost", Boolean(lost));
}

async function refresh() {
  const thisRefresh = ++lastRefresh;
  if (!selectedEvent) return;
  try {
    const event = await fetchJson(`/api/events/${encodeURIComponent(selectedEvent)}`);
    // Another event was selected meanwhile.
    if (thisRefresh !== lastRefresh) return;
    showEvent(event);
    await Promise.all([showCharts(event), showSeats(), showRefusals()]);
    showConnection(word("updated", time(Date.now())));
  } catch (error) {
    showConnection(error.status ? error.message : word("lost"), true);
  }
}

async function listEvents() {
  const { events } = await fetchJson("/api/events");
  const options = events.map((event) => {
    const option = document.createElement("option");
    option.value = event.eventId;
    option.textContent = event.eventName;
    return option;
  });
  byId("events").replaceChildren(...options);
  selectedEvent = events.some((event) => event.eventId === sessionStorage.getItem("deskEvent")) ? sessionStorage.getItem("deskEvent") : events[0]?.eventId;
  if (selectedEvent) byId("events").value = selectedEvent;
  else showConnection(word("noEvents"), true);
}

async function steer(change, button) {
  const steeredEvent = selectedEvent;
  byId("error").textContent = "";
  if (button) button.disabled = true;
  try {
    const why = byId("why").value.trim();
    const event = await fetchJson(`/api/events/${encodeURIComponent(steeredEvent)}/queue`, { ...change, ...(why && { why }) });
    byId("why").value = "";
    if (selectedEvent === steeredEvent) showEvent(event);
  } catch (error) {
    byId("error").textContent = error.message;
  } finally {
    if (button?.form) button.disabled = false;
  }
}

function save(text, type, name) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

async function download(format, type) {
  byId("error").textContent = "";
  try {
    const response = await call(`/api/events/${encodeURIComponent(selectedEvent)}/report.${format}`);
    save(await response.text(), type, `${selectedEvent}.${format}`);
  } catch (error) {
    byId("error").textContent = error.message;
  }
}

byId("events").addEventListener("change", () => {
  selectedEvent = byId("events").value;
  sessionStorage.setItem("deskEvent", selectedEvent);
  seatsDate = null;
  byId("error").textContent = "";
  // The former event's figures and buttons must not be used while the new event is loading.
  byId("main").hidden = true;
  fillTable("dates", []);
  seatsButtons.clear();
  byId("sections").replaceChildren();
  refresh();
});
byId("pause").addEventListener("click", (click) => steer({ action: "pause" }, click.target));
byId("resume").addEventListener("click", (click) => steer({ action: "resume" }, click.target));
byId("close").addEventListener("click", () => {
  byId("confirm-text").textContent = word("confirmClose");
  byId("confirm-yes").textContent = word("close");
  byId("confirm").returnValue = "";
  byId("confirm").showModal();
});
byId("confirm").addEventListener("close", () => {
  if (byId("confirm").returnValue === "yes") steer({ action: "close" });
});
for (const [form, field, input, read] of [
  ["max-active-form", "maxActive", "max-active", Number],
  ["batch-form", "batchSize", "batch-size", Number],
  ["beacon-form", "beacon", "beacon", String],
]) {
  byId(form).addEventListener("submit", (submit) => {
    submit.preventDefault();
    steer({ [field]: read(byId(input).value) }, submit.submitter);
  });
}
byId("csv").addEventListener("click", () => download("csv", "text/csv"));
byId("json").addEventListener("click", () => download("json", "application/json"));
byId("language").addEventListener("click", () => {
  setLanguage(currentLanguage() === "ko" ? "en" : "ko");
  refresh();
});

byId("span").value = chosenSpan();
byId("span").addEventListener("change", () => {
  chooseSpan(byId("span").value);
  refresh();
});

takeKey();
translatePage();
try {
  await loadRole();
  for (const element of document.querySelectorAll("[data-needs]")) element.hidden = !may(element.dataset.needs);
  await listEvents();
} catch (error) {
  showConnection(error.message, true);
}
await refresh();
setInterval(() => document.visibilityState === "visible" && refresh(), REFRESH_INTERVAL_MS);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());

// The operator's page. The key stands behind the # of the address that the command prints; it is kept for this tab only.
import { draw } from "./chart.js";
import { current, money, number, say, speak, time, word } from "./words.js";

const at = (id) => document.getElementById(id);
const ASK_EVERY_MS = 2000;

if (location.hash.length > 1) {
  sessionStorage.setItem("deskKey", location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}

let shown = null;
let seatsOf = null;
/** Of the shown event, by date. */
const seatsButtons = new Map();
let asking = 0;

async function call(path, body) {
  const response = await fetch(path, {
    method: body ? "POST" : "GET",
    headers: { Authorization: `Bearer ${sessionStorage.getItem("deskKey") ?? ""}`, ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
  });
  if (!response.ok) {
    const { message } = await response.json().catch(() => ({}));
    throw Object.assign(new Error(message ?? response.statusText), { status: response.status });
  }
  return response;
}

const ask = async (path, body) => (await call(path, body)).json();

function figures(into, list) {
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
  at(into).replaceChildren(...parts);
}

/** Fills a table, in place: a button that were replaced between press and release would not be clicked. */
function rows(table, list) {
  at(table).hidden = list.length === 0;
  const body = at(table).querySelector("tbody");
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

// An input that somebody is writing in is left alone.
function fill(id, value) {
  if (document.activeElement !== at(id)) at(id).value = value;
}

function showQueue(event) {
  const { queue } = event;
  const decided = queue.arrived + queue.missed;
  const noShows = decided > 0 ? `${number(Math.round((queue.missed / decided) * 100))} %` : "–";
  const rate = queue.admittedPerMinute;
  figures("queue-figures", [
    [word("waiting"), number(queue.waiting)],
    [word("inside"), number(queue.inside), word("of", number(queue.maxActive))],
    [word("expected"), number(queue.expected)],
    [word("perMinute"), rate === undefined ? "–" : number(Math.round(rate * 10) / 10), rate === undefined ? word("notMeasured") : ""],
    [word("noShows"), noShows, decided > 0 ? word("of", number(decided)) : ""],
    [word("issued"), number(queue.issued)],
  ]);
  draw(at("waiting-chart"), event.history, "waiting", word("waiting"));
  draw(at("inside-chart"), event.history, "inside", word("inside"));
  draw(at("rate-chart"), event.history, "admittedPerMinute", word("perMinute"));
  draw(at("no-shows-chart"), event.history, "noShows", word("noShowsChart"));
  const lanes = queue.lanes.length > 1 ? queue.lanes : [];
  rows("lanes", lanes.map((lane, i) => [number(i), number(lane.issued), number(lane.called), number(lane.waiting), number(lane.inside)]));
  at("pause").disabled = event.state === "PAUSED" || event.state === "CLOSED";
  at("resume").disabled = event.state === "OPEN" || event.state === "NOT_OPEN";
  at("close").disabled = event.state === "CLOSED";
  fill("max-active", queue.maxActive);
  const steered = queue.maxActive !== queue.catalogueMaxActive;
  at("max-active-note").textContent = steered ? word("catalogueSays", number(queue.catalogueMaxActive)) : "";
  at("batch-form").hidden = !queue.batch;
  if (queue.batch) {
    fill("batch-size", queue.batch.size);
    at("batch-note").textContent = word("every", number(queue.batch.seconds));
  }
  at("beacon-form").hidden = !queue.awaitsBeacon;
  at("beacon-note").textContent = queue.awaitsBeacon ?? "";
}

function showSales(event) {
  const { sales } = event;
  figures("sales-figures", [
    [word("sold"), number(sales.sold), word("of", number(sales.total))],
    [word("held"), number(sales.held)],
    [word("left"), number(Math.max(0, sales.total - sales.sold - sales.held))],
    [word("revenue"), money(sales.revenue, event.currency)],
  ]);
  draw(at("sold-chart"), event.history, "sold", word("sold"));
  draw(at("revenue-chart"), event.history, "revenue", word("revenueChart"), (value) => money(value, event.currency));
  rows("dates", sales.dates.map((date) => [
    date.date,
    number(date.sold),
    number(date.held),
    number(date.total - date.sold - date.held),
    money(date.revenue, event.currency),
    seatsButton(date.date),
  ]));
}

function seatsButton(date) {
  if (!seatsButtons.has(date)) {
    const button = document.createElement("button");
    button.type = "button";
    button.addEventListener("click", () => {
      seatsOf = seatsOf === date ? null : date;
      look();
    });
    seatsButtons.set(date, button);
  }
  const button = seatsButtons.get(date);
  button.setAttribute("aria-expanded", String(seatsOf === date));
  const text = word(seatsOf === date ? "hideSeats" : "showSeats");
  if (button.textContent !== text) button.textContent = text;
  return button;
}

/** Pixels of a seat; of a row so long that it would not fit, fewer. */
const CELL = 14;
const SMALL_CELL = 9;
const LONG_ROW = 40;
const WIDEST = 100;

function paint(section) {
  const seats = section.seats;
  const across = section.rows ? Math.ceil(seats.length / section.rows) : Math.min(WIDEST, Math.ceil(Math.sqrt(seats.length * 3)));
  const cell = across > LONG_ROW ? SMALL_CELL : CELL;
  const canvas = document.createElement("canvas");
  canvas.width = across * cell;
  canvas.height = Math.ceil(seats.length / across) * cell;
  const context = canvas.getContext("2d");
  const probe = document.createElement("span");
  document.body.append(probe);
  const colour = (name) => {
    probe.style.setProperty("color", `var(${name})`);
    return getComputedStyle(probe).color;
  };
  const colours = { a: colour("--free"), h: colour("--held"), s: colour("--sold") };
  probe.remove();
  for (let i = 0; i < seats.length; i += 1) {
    context.fillStyle = colours[seats[i]];
    context.fillRect((i % across) * cell, Math.floor(i / across) * cell, cell - 1, cell - 1);
    // Never colour alone: what is held has a hole, what is sold a dot.
    if (seats[i] !== "a") {
      context.fillStyle = seats[i] === "h" ? colours.a : "rgb(255 255 255 / .85)";
      const size = Math.round(cell * (seats[i] === "h" ? 0.45 : 0.25));
      context.fillRect((i % across) * cell + (cell - 1 - size) / 2, Math.floor(i / across) * cell + (cell - 1 - size) / 2, size, size);
    }
  }
  const count = (letter) => seats.split(letter).length - 1;
  const label = word("section", section.name, number(count("s")), number(count("h")), number(count("a")));
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  const heading = document.createElement("h4");
  heading.textContent = label;
  return [heading, canvas];
}

async function showHouse() {
  const [event, date] = [shown, seatsOf];
  at("house").hidden = date === null;
  if (date === null) return;
  const { sections } = await ask(`/api/events/${encodeURIComponent(event)}/dates/${encodeURIComponent(date)}`);
  // Another event or date was chosen meanwhile.
  if (shown !== event || seatsOf !== date) return;
  at("house-heading").textContent = word("seatsOf", date);
  at("sections").replaceChildren(...sections.flatMap(paint));
}

async function showRefusals() {
  const { since, byCode, message } = await ask("/api/refusals");
  const codes = Object.entries(byCode).sort(([, a], [, b]) => b - a);
  at("refusals-note").textContent = message ?? `${word(since)}${codes.length === 0 ? `: ${word("none")}` : ""}`;
  rows("refusals", codes.map(([code, times]) => [code, number(times)]));
}

function show(event) {
  at("main").hidden = false;
  at("name").textContent = event.eventName;
  at("venue").textContent = event.venue;
  at("state").textContent = word(event.state);
  at("state").className = `state ${event.state}`;
  document.title = `${event.eventName} · Boxoffice`;
  showQueue(event);
  showSales(event);
}

function pulse(text, lost) {
  at("pulse").textContent = text;
  at("pulse").classList.toggle("lost", Boolean(lost));
}

async function look() {
  const mine = ++asking;
  if (!shown) return;
  try {
    const event = await ask(`/api/events/${encodeURIComponent(shown)}`);
    // Another event was chosen meanwhile.
    if (mine !== asking) return;
    show(event);
    await Promise.all([showHouse(), showRefusals()]);
    pulse(word("updated", time(Date.now())));
  } catch (error) {
    pulse(error.status ? error.message : word("lost"), true);
  }
}

async function list() {
  const { events } = await ask("/api/events");
  const options = events.map((event) => {
    const option = document.createElement("option");
    option.value = event.eventId;
    option.textContent = event.eventName;
    return option;
  });
  at("events").replaceChildren(...options);
  shown = events.some((event) => event.eventId === sessionStorage.getItem("deskEvent")) ? sessionStorage.getItem("deskEvent") : events[0]?.eventId;
  if (shown) at("events").value = shown;
  else pulse(word("noEvents"), true);
}

async function steer(order, button) {
  const steered = shown;
  at("said").textContent = "";
  if (button) button.disabled = true;
  try {
    const event = await ask(`/api/events/${encodeURIComponent(steered)}/queue`, order);
    if (shown === steered) show(event);
  } catch (error) {
    at("said").textContent = error.message;
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
  at("said").textContent = "";
  try {
    const response = await call(`/api/events/${encodeURIComponent(shown)}/report.${format}`);
    save(await response.text(), type, `${shown}.${format}`);
  } catch (error) {
    at("said").textContent = error.message;
  }
}

at("events").addEventListener("change", () => {
  shown = at("events").value;
  sessionStorage.setItem("deskEvent", shown);
  seatsOf = null;
  at("said").textContent = "";
  // What belongs to the other event can be neither read nor pressed while this one is on its way.
  at("main").hidden = true;
  rows("dates", []);
  seatsButtons.clear();
  at("sections").replaceChildren();
  look();
});
at("pause").addEventListener("click", (click) => steer({ gate: "pause" }, click.target));
at("resume").addEventListener("click", (click) => steer({ gate: "resume" }, click.target));
at("close").addEventListener("click", () => {
  at("sure-text").textContent = word("sureClose");
  at("sure-yes").textContent = word("doClose");
  at("sure").returnValue = "";
  at("sure").showModal();
});
at("sure").addEventListener("close", () => {
  if (at("sure").returnValue === "yes") steer({ gate: "close" });
});
for (const [form, field, input, read] of [
  ["max-active-form", "maxActive", "max-active", Number],
  ["batch-form", "batchSize", "batch-size", Number],
  ["beacon-form", "beacon", "beacon", String],
]) {
  at(form).addEventListener("submit", (submit) => {
    submit.preventDefault();
    steer({ [field]: read(at(input).value) }, submit.submitter);
  });
}
at("csv").addEventListener("click", () => download("csv", "text/csv"));
at("json").addEventListener("click", () => download("json", "application/json"));
at("language").addEventListener("click", () => {
  speak(current() === "ko" ? "en" : "ko");
  look();
});

say();
try {
  await list();
} catch (error) {
  pulse(error.message, true);
}
await look();
setInterval(() => document.visibilityState === "visible" && look(), ASK_EVERY_MS);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look());

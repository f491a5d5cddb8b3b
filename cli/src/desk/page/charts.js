// The charts of an event: what was recorded of the last hour, day, week or month, and what is so now.
import { fetchJson } from "./api.js";
import { drawChart } from "./chart.js";
import { make } from "./dom.js";
import { day, minute, money, number, word } from "./words.js";

export const SPANS = ["hour", "day", "week", "month"];

let span = SPANS.find((known) => known === sessionStorage.getItem("deskSpan")) ?? "hour";
/** What was loaded last: {event, span, recorded, loadedAt}. */
let loaded = null;

export const chosenSpan = () => span;

export function chooseSpan(next) {
  span = next;
  sessionStorage.setItem("deskSpan", next);
}

/** Loads what was recorded, no more often than there is a new point. */
async function recordedOf(event) {
  const isNew = loaded?.event !== event || loaded.span !== span;
  if (isNew || Date.now() - loaded.loadedAt >= loaded.recorded.stepMs) {
    const wanted = span;
    const recorded = await fetchJson(`/api/events/${encodeURIComponent(event)}/history?span=${wanted}`);
    loaded = { event, span: wanted, recorded, loadedAt: Date.now() };
  }
  return loaded.recorded;
}

function now({ queue, sales }, at) {
  const decided = queue.arrived + queue.missed;
  return {
    at,
    waiting: queue.waiting,
    inside: queue.inside,
    called: queue.called,
    admittedPerMinute: queue.admittedPerMinute ?? 0,
    noShows: decided > 0 ? Math.floor((100 * queue.missed) / decided) : 0,
    sold: sales.sold,
    held: sales.held,
    blocked: sales.blocked,
    revenue: sales.revenue,
  };
}

/** A place for a chart. */
export function chartPlace(id, caption) {
  const chart = make("div", { id, class: "chart" });
  return { chart, figure: make("figure", {}, make("figcaption", { text: caption }), chart) };
}

/** `into` has the places of the charts by their fields. */
export async function drawCharts(into, event) {
  const recorded = await recordedOf(event.eventId);
  // The server's clock and this one may differ.
  const to = recorded.to + (Date.now() - loaded.loadedAt);
  const chart = { points: [...recorded.points, now(event, to)], from: recorded.from + (to - recorded.to), to, stepMs: recorded.stepMs };
  chart.points = chart.points.filter((point) => point.at >= chart.from);
  const time = span === "hour" || span === "day" ? minute : day;
  const labels = { admittedPerMinute: "perMinute", noShows: "noShowsChart", revenue: "revenueChart" };
  for (const [field, place] of Object.entries(into)) {
    const format = field === "revenue" ? money : number;
    drawChart(place.chart, chart, field, { label: word(labels[field] ?? field), time, format });
  }
}

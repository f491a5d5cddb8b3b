// A curve over time, from zero to its highest value.
import { number, time } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 320;
const HEIGHT = 112;
const TOP = 14;
const BOTTOM = 98;

const make = (name, attributes, text) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};

/** `format` turns a value into text. */
export function drawChart(into, points, field, label, format = number) {
  const last = points.at(-1);
  const first = points[0];
  // A single point is drawn as a level line.
  if (points.length === 1) return drawChart(into, [{ ...first, at: first.at - 1000 }, last], field, label, format);
  const values = points.map((point) => point[field]);
  const most = Math.max(1, ...values);
  const span = Math.max(1, last.at - first.at);
  const x = (point) => ((point.at - first.at) / span) * WIDTH;
  const y = (value) => BOTTOM - (value / most) * (BOTTOM - TOP);
  // More points than pixels would not be visible.
  const step = Math.max(1, Math.floor(points.length / WIDTH));
  const corners = points.filter((_, i) => i % step === 0 || i === points.length - 1).map((point) => `${x(point).toFixed(1)},${y(point[field]).toFixed(1)}`);
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${label}: ${format(last[field])}` });
  svg.append(
    make("line", { class: "grid", x1: 0, x2: WIDTH, y1: BOTTOM, y2: BOTTOM }),
    make("line", { class: "grid", x1: 0, x2: WIDTH, y1: TOP, y2: TOP }),
    make("polygon", { class: "area", points: `0,${BOTTOM} ${corners.join(" ")} ${x(last).toFixed(1)},${BOTTOM}` }),
    make("polyline", { class: "curve", points: corners.join(" ") }),
    make("text", { class: "mark", x: 2, y: TOP - 3 }, format(most)),
    make("text", { class: "mark", x: 2, y: HEIGHT - 3 }, time(first.at)),
    make("text", { class: "mark", x: WIDTH - 2, y: HEIGHT - 3, "text-anchor": "end" }, time(last.at)),
  );
  into.replaceChildren(svg);
}

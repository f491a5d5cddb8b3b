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

/** `write`: how a value is written. */
export function draw(into, samples, of, label, write = number) {
  const last = samples.at(-1);
  const first = samples[0];
  // One look alone is a level line.
  if (samples.length === 1) return draw(into, [{ ...first, at: first.at - 1000 }, last], of, label, write);
  const values = samples.map((sample) => sample[of]);
  const most = Math.max(1, ...values);
  const span = Math.max(1, last.at - first.at);
  const x = (sample) => ((sample.at - first.at) / span) * WIDTH;
  const y = (value) => BOTTOM - (value / most) * (BOTTOM - TOP);
  // More points than pixels show nothing more.
  const step = Math.max(1, Math.floor(samples.length / WIDTH));
  const points = samples.filter((_, i) => i % step === 0 || i === samples.length - 1).map((sample) => `${x(sample).toFixed(1)},${y(sample[of]).toFixed(1)}`);
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${label}: ${write(last[of])}` });
  svg.append(
    make("line", { class: "grid", x1: 0, x2: WIDTH, y1: BOTTOM, y2: BOTTOM }),
    make("line", { class: "grid", x1: 0, x2: WIDTH, y1: TOP, y2: TOP }),
    make("polygon", { class: "area", points: `0,${BOTTOM} ${points.join(" ")} ${x(last).toFixed(1)},${BOTTOM}` }),
    make("polyline", { class: "curve", points: points.join(" ") }),
    make("text", { class: "mark", x: 2, y: TOP - 3 }, write(most)),
    make("text", { class: "mark", x: 2, y: HEIGHT - 3 }, time(first.at)),
    make("text", { class: "mark", x: WIDTH - 2, y: HEIGHT - 3, "text-anchor": "end" }, time(last.at)),
  );
  into.replaceChildren(svg);
}

// A curve over time, from zero to its highest value. Where nothing was recorded, it has a gap.

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

/** The points between two gaps. */
function runs(points, stepMs) {
  const found = [];
  for (const point of points) {
    const run = found.at(-1);
    // The last point is not at the beginning of its step: it is what is so now.
    const step = Math.floor(point.at / stepMs) * stepMs;
    if (run && step - run.at(-1).at <= stepMs) run.push(point);
    else found.push([point]);
  }
  return found;
}

/** `chart` has points with a value for each field, the ends of the time, and the distance of two points. `format` turns a value into
 * text, `time` a moment. */
export function drawChart(into, { points, from, to, stepMs }, field, { label, time, format }) {
  const last = points.at(-1);
  const most = Math.max(1, ...points.map((point) => point[field]));
  const x = (at) => (((at - from) / Math.max(1, to - from)) * WIDTH).toFixed(1);
  const y = (value) => (BOTTOM - (value / most) * (BOTTOM - TOP)).toFixed(1);
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${label}: ${format(last[field])}` });
  svg.append(
    make("line", { class: "grid", x1: 0, x2: WIDTH, y1: BOTTOM, y2: BOTTOM }),
    make("line", { class: "grid", x1: 0, x2: WIDTH, y1: TOP, y2: TOP }),
  );
  for (const run of runs(points, stepMs)) {
    const corners = run.map((point) => `${x(point.at)},${y(point[field])}`);
    // A single point is as wide as its step.
    if (run.length === 1) corners.push(`${x(Math.min(to, run[0].at + stepMs))},${y(run[0][field])}`);
    const end = corners.at(-1).split(",")[0];
    svg.append(
      make("polygon", { class: "area", points: `${x(run[0].at)},${BOTTOM} ${corners.join(" ")} ${end},${BOTTOM}` }),
      make("polyline", { class: "curve", points: corners.join(" ") }),
    );
  }
  svg.append(
    make("text", { class: "mark", x: 2, y: TOP - 3 }, format(most)),
    make("text", { class: "mark", x: 2, y: HEIGHT - 3 }, time(from)),
    make("text", { class: "mark", x: WIDTH - 2, y: HEIGHT - 3, "text-anchor": "end" }, time(to)),
  );
  into.replaceChildren(svg);
}

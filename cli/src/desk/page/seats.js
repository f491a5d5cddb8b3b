// The seats of a section, row by row, as the shop's map arranges them. Sections are below each other: their places in the hall do not
// matter here.
import { number, word } from "./words.js";

/** The size of a seat in pixels, smaller for long rows. */
const CELL = 14;
const SMALL_CELL = 9;
const LONG_ROW = 40;
/** The size of an aisle, in seats. */
const AISLE = 0.8;
/** Between a row and its labels, in pixels. */
const MARGIN = 6;
const LABEL_PX = 11;

const STATES = { a: "left", h: "held", s: "sold", b: "blocked" };

function colours() {
  const probe = document.createElement("span");
  document.body.append(probe);
  const colour = (name) => {
    probe.style.setProperty("color", `var(${name})`);
    return getComputedStyle(probe).color;
  };
  const found = { a: colour("--free"), h: colour("--held"), s: colour("--sold"), b: colour("--blocked"), label: colour("--quiet") };
  probe.remove();
  return found;
}

/** Where the seats are, in seats: [{label, y, left, right, seats: [{x, state, label}]}]. Rows are centred. */
function arrange({ seats, rows }) {
  let first = 0;
  return rows.map(({ label, blocks, seatLabels }, y) => {
    const wide = seatLabels.length + AISLE * (blocks.length - 1);
    const row = { label, y, left: -wide / 2, right: wide / 2, seats: [] };
    let x = row.left;
    for (const block of blocks) {
      for (let i = 0; i < block; i += 1) row.seats.push({ x: x + i, state: seats[first + row.seats.length], label: seatLabels[row.seats.length] });
      x += block + AISLE;
    }
    first += row.seats.length;
    return row;
  });
}

/** A section's heading and its chart. */
export function drawSection(section) {
  const rows = arrange(section);
  const wide = Math.max(...rows.map((row) => row.right - row.left));
  const cell = wide > LONG_ROW ? SMALL_CELL : CELL;
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  const font = `${LABEL_PX}px ${getComputedStyle(document.body).fontFamily}`;
  context.font = font;
  const margin = MARGIN + Math.ceil(Math.max(0, ...rows.map((row) => context.measureText(row.label ?? "").width)));
  const size = { width: wide * cell + 2 * margin, height: rows.length * cell };
  const scale = devicePixelRatio;
  canvas.width = size.width * scale;
  canvas.height = size.height * scale;
  canvas.style.width = `${size.width}px`;
  context.scale(scale, scale);
  context.font = font;
  context.textBaseline = "middle";
  const paint = colours();
  const middle = size.width / 2;
  for (const row of rows) {
    const y = row.y * cell;
    for (const { x, state } of row.seats) {
      const left = middle + x * cell;
      context.fillStyle = paint[state];
      context.fillRect(left, y, cell - 1, cell - 1);
      // Not by colour alone: held seats have a hole, sold seats a dot, blocked seats a bar.
      if (state === "a") continue;
      context.fillStyle = state === "h" ? paint.a : "rgb(255 255 255 / .85)";
      const hole = Math.round(cell * (state === "h" ? 0.45 : 0.25));
      const width = state === "b" ? Math.round(cell * 0.6) : hole;
      context.fillRect(left + (cell - 1 - width) / 2, y + (cell - 1 - hole) / 2, width, hole);
    }
    context.fillStyle = paint.label;
    context.textAlign = "right";
    context.fillText(row.label ?? "", middle + row.left * cell - MARGIN, y + cell / 2);
    context.textAlign = "left";
    context.fillText(row.label ?? "", middle + row.right * cell + MARGIN - 1, y + cell / 2);
  }
  // What an usher calls the seat under the pointer. The chart may be shown smaller than it is drawn.
  canvas.addEventListener("pointermove", ({ offsetX, offsetY }) => {
    const shown = size.width / canvas.clientWidth;
    const row = rows[Math.floor((offsetY * shown) / cell)];
    const at = (offsetX * shown - middle) / cell;
    const seat = row?.seats.find(({ x }) => at >= x && at < x + 1);
    canvas.title = seat ? word("seatAt", row.label, seat.label, word(STATES[seat.state])) : "";
  });
  const count = (letter) => number(section.seats.split(letter).length - 1);
  const label = word("section", section.name, count("s"), count("h"), count("b"), count("a"));
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  const heading = document.createElement("h4");
  heading.textContent = label;
  return [heading, canvas];
}

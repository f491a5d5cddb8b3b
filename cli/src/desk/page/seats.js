// The chart of a section's seats, on which seats can be chosen with a mouse, a finger or the keyboard. Sections are below each other: their
// places in the hall do not matter here.
import { make } from "./dom.js";
import { arrange, neighbour, seatAt, seatsBetween } from "./seat-layout.js";
import { number, word } from "./words.js";

/** The size of a seat in pixels, smaller for long rows. */
const CELL = 14;
const SMALL_CELL = 9;
const LONG_ROW = 40;
/** Between a row and its labels, in pixels. */
const MARGIN = 6;
const LABEL_PX = 11;

const STATES = { a: "left", h: "held", s: "sold", b: "blocked" };

function colours() {
  const probe = make("span");
  document.body.append(probe);
  const colour = (name) => {
    probe.style.setProperty("color", `var(${name})`);
    return getComputedStyle(probe).color;
  };
  const found = { a: colour("--free"), h: colour("--held"), s: colour("--sold"), b: colour("--blocked"), label: colour("--quiet"), chosen: colour("--ink") };
  probe.remove();
  return found;
}

/** The chart of one section. `onchoose` is called when other seats are chosen. */
export class SectionChart {
  constructor(section, onchoose) {
    this.name = section.name;
    this.onchoose = onchoose;
    this.rows = arrange(section);
    this.chosen = new Set();
    /** Where the keyboard is. */
    this.cursor = this.rows[0]?.seats[0];
    this.canChoose = false;
    this.heading = make("h4");
    this.canvas = make("canvas");
    this.said = make("p", { class: "hidden", role: "status" });
    this.element = make("div", { class: "section-chart" }, this.heading, this.canvas, this.said);
    this.measure();
    this.update(section);
    this.listen();
  }

  measure() {
    const wide = Math.max(1, ...this.rows.map((row) => row.right - row.left));
    this.cell = wide > LONG_ROW ? SMALL_CELL : CELL;
    const context = this.canvas.getContext("2d");
    this.font = `${LABEL_PX}px ${getComputedStyle(document.body).fontFamily}`;
    context.font = this.font;
    const margin = MARGIN + Math.ceil(Math.max(0, ...this.rows.map((row) => context.measureText(row.label ?? "").width)));
    this.size = { width: wide * this.cell + 2 * margin, height: this.rows.length * this.cell };
    this.canvas.width = this.size.width * devicePixelRatio;
    this.canvas.height = this.size.height * devicePixelRatio;
    this.canvas.style.width = `${this.size.width}px`;
  }

  /** Shows the seats as they are now. */
  update(section) {
    this.seats = section.seats;
    const count = (letter) => number(this.seats.split(letter).length - 1);
    const label = word("section", section.name, count("s"), count("h"), count("b"), count("a"));
    this.heading.textContent = label;
    this.canvas.setAttribute("aria-label", this.canChoose ? `${label}. ${word("chooseKeys")}` : label);
    this.paint();
  }

  /** Whether seats can be chosen. Otherwise a finger scrolls the page. */
  choosing(can) {
    this.canChoose = can;
    this.canvas.classList.toggle("choosing", can);
    this.canvas.setAttribute("role", can ? "application" : "img");
    if (can) this.canvas.tabIndex = 0;
    else this.canvas.removeAttribute("tabindex");
    this.choose([]);
  }

  choose(seats) {
    this.chosen = new Set(seats.map((seat) => seat.number));
    this.paint();
    this.onchoose(this);
  }

  paint() {
    const context = this.canvas.getContext("2d");
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, this.size.width, this.size.height);
    context.font = this.font;
    context.textBaseline = "middle";
    const paint = colours();
    const { cell } = this;
    const middle = this.size.width / 2;
    const hasFocus = document.activeElement === this.canvas;
    for (const row of this.rows) {
      const y = row.y * cell;
      for (const seat of row.seats) {
        const left = middle + seat.x * cell;
        this.paintSeat(context, paint, this.seats[seat.index], left, y);
        const isCursor = hasFocus && this.canChoose && seat.index === this.cursor?.index;
        if (!this.chosen.has(seat.number) && !isCursor) continue;
        context.strokeStyle = paint.chosen;
        context.lineWidth = this.chosen.has(seat.number) ? 2 : 1;
        context.strokeRect(left + 1, y + 1, cell - 3, cell - 3);
      }
      context.fillStyle = paint.label;
      context.textAlign = "right";
      context.fillText(row.label ?? "", middle + row.left * cell - MARGIN, y + cell / 2);
      context.textAlign = "left";
      context.fillText(row.label ?? "", middle + row.right * cell + MARGIN - 1, y + cell / 2);
    }
  }

  paintSeat(context, paint, state, left, y) {
    const { cell } = this;
    context.fillStyle = paint[state];
    context.fillRect(left, y, cell - 1, cell - 1);
    // Not by colour alone: held seats have a hole, sold seats a dot, blocked seats a bar.
    if (state === "a") return;
    context.fillStyle = state === "h" ? paint.a : "rgb(255 255 255 / .85)";
    const hole = Math.round(cell * (state === "h" ? 0.45 : 0.25));
    const width = state === "b" ? Math.round(cell * 0.6) : hole;
    context.fillRect(left + (cell - 1 - width) / 2, y + (cell - 1 - hole) / 2, width, hole);
  }

  /** A place on the chart in seats. It may be shown smaller than it is drawn. */
  place({ offsetX, offsetY }) {
    const shown = this.size.width / this.canvas.clientWidth;
    return { x: (offsetX * shown - this.size.width / 2) / this.cell, y: (offsetY * shown) / this.cell };
  }

  /** What an usher calls the seat. */
  called(seat) {
    return word("seatAt", this.rows[seat.y].label, seat.label, word(STATES[this.seats[seat.index]]));
  }

  listen() {
    let from = null;
    let before = [];
    const all = this.rows.flatMap((row) => row.seats);
    const isChosen = (seat) => before.includes(seat.number);
    this.canvas.addEventListener("pointermove", (move) => {
      const at = this.place(move);
      const seat = seatAt(this.rows, at.x, at.y);
      this.canvas.title = seat ? this.called(seat) : "";
      if (from) this.choose(all.filter((it) => isChosen(it) || seatsBetween(this.rows, from, at).includes(it)));
    });
    this.canvas.addEventListener("pointerdown", (down) => {
      if (!this.canChoose || down.button !== 0) return;
      const at = this.place(down);
      before = [...this.chosen];
      const row = this.rows[Math.floor(at.y)];
      const isBeside = row && (at.x < row.left || at.x > row.right);
      // Beside a row is its label: the whole row.
      const touched = isBeside ? row.seats : seatsBetween(this.rows, at, at);
      const takesBack = touched.length > 0 && touched.every(isChosen);
      if (takesBack) this.choose(all.filter((it) => isChosen(it) && !touched.includes(it)));
      else this.choose(all.filter((it) => isChosen(it) || touched.includes(it)));
      if (takesBack || isBeside) return;
      from = at;
      // The pointer may be let go outside of the chart.
      for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => (from = null), { once: true });
      if (touched[0]) this.cursor = touched[0];
    });
    this.canvas.addEventListener("keydown", (key) => this.key(key));
    for (const change of ["focus", "blur"]) this.canvas.addEventListener(change, () => this.paint());
  }

  /** Arrows move, with the shift key they choose, the space bar chooses a seat, and R its row. */
  key(press) {
    if (!this.canChoose || !this.cursor || press.ctrlKey || press.metaKey || press.altKey) return;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const all = this.rows.flatMap((row) => row.seats);
    const add = (seats) => this.choose(all.filter((it) => this.chosen.has(it.number) || seats.includes(it)));
    const remove = (seats) => this.choose(all.filter((it) => this.chosen.has(it.number) && !seats.includes(it)));
    const toggle = (seats) => (seats.every((seat) => this.chosen.has(seat.number)) ? remove(seats) : add(seats));
    if (moves[press.key]) {
      const former = this.cursor;
      this.cursor = neighbour(this.rows, former, ...moves[press.key]);
      if (press.shiftKey) add([former, this.cursor]);
      else this.paint();
    } else if (press.key === " ") toggle([this.cursor]);
    else if (press.key.toLowerCase() === "r") toggle(this.rows[this.cursor.y].seats);
    else if (press.key === "Escape") this.choose([]);
    else return;
    press.preventDefault();
    const chosen = this.chosen.has(this.cursor.number) ? `, ${word("chosen")}` : "";
    this.said.textContent = this.called(this.cursor) + chosen;
  }
}

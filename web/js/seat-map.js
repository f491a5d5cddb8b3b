// The seat map: an SVG that zooms and pans by wheel, pinch, double tap, drag, buttons and keys. From afar it shows sections, with
// price and free seats; nearby it shows seats. Only the seats in view are in the document, so that a hall of 50,000 seats moves as
// smoothly as a small one. Each state of a seat has its own shape, because colour alone must not carry information.

import { h, icon, s } from "./dom.js";
import { t } from "./i18n.js";
import { sectionName } from "./seating.js";
import { fittingSize, LABEL_SIZE, layout, neighbour, PITCH, widthOf } from "./seat-layout.js";

export const SHAPES = {
  AVAILABLE: "M-9 -5.5a3.5 3.5 0 0 1 3.5 -3.5h11a3.5 3.5 0 0 1 3.5 3.5v8a6.5 6.5 0 0 1 -6.5 6.5h-5a6.5 6.5 0 0 1 -6.5 -6.5z",
  SELECTED: "M-12 -8a4 4 0 0 1 4 -4h16a4 4 0 0 1 4 4v10a9 9 0 0 1 -9 9h-6a9 9 0 0 1 -9 -9z",
  MINE: "M-11 -11h22v22h-22zM-5.5 0.5l4 4.5l7 -9.5",
  HELD: "M0 -6.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 1 1 0 -13M0 -3.4v3.6l2.6 1.6",
  SOLD: "M-4.5 -4.5l9 9m0 -9l-9 9",
};

/** Seats of at least this many pixels are shown one by one; smaller ones as their section. */
const SEEN_PX = 11;
/** Seats smaller than this many pixels cannot be hit by a finger: a tap zooms in instead. */
const TAPPABLE_PX = 15;
/** If the texts of a section would be smaller than this many pixels in the whole hall, fewer are shown. */
const LEAST_TEXT_PX = 9;
/** Seats of at least this many pixels show their numbers. */
const LEGIBLE_PX = 23;
/** The largest size of a seat, in pixels. */
const NEAREST = 46;
/** Zoom factor of a button or key press, and of a double tap. */
const STEP = 1.5;
const DOUBLE_TAP = 2;
/** The map is redrawn this long after the last movement. */
const REST_MS = 140;
/** While moving, at most this share of the frame may be blank before the map is redrawn. Seats so far outside are drawn, too. */
const BLANK = 0.25;
/** A pointer that moved no more than this many pixels has clicked. */
const CLICK_PX = 6;
/** A click this soon after another is part of a double click. */
const DOUBLE_MS = 350;

export class SeatMap {
  /**
   * `onPick(number)` is called when the user selects an available seat or deselects it, `onLook()` when other sections may be in
   * view, `describe(seat, state)` names a seat, and `summary(section)` returns {price, left} as texts.
   */
  constructor({ sections, describe, summary, onPick, onLook, signal }) {
    Object.assign(this, { sections, describe, summary, onPick, onLook, signal });
    const plan = layout(sections);
    this.plan = plan;
    this.seats = plan.seats;
    this.byNumber = new Map(plan.seats.map((seat) => [seat.number, seat]));
    this.states = new Map();
    this.fresh = new Set();
    this.elements = new Map();
    /** The numbers on the chairs, beside the cells, whose names say more. */
    this.numbers = new Map();
    this.rows = new Map();
    this.pointers = new Map();
    this.focusable = this.seats[0];
    this.tip = h("div", { class: "tip", "aria-hidden": "true", hidden: true });
    this.svg = s("svg", { class: "map", role: "group", "aria-label": t("map.label"), "data-testid": "seat-map" }, this.draw());
    this.svg.style.setProperty("--label", `${LABEL_SIZE}px`);
    this.zoomOut = this.tool("minus", "map.out", () => this.zoom(1 / STEP));
    this.whole = this.tool("whole", "map.whole", () => this.showAll());
    this.tools = h("div", { class: "map-tools" }, this.tool("plus", "map.in", () => this.zoom(STEP)), this.zoomOut, this.whole);
    this.frame = h("div", { class: "map-view" }, this.svg, this.tip);
    this.element = h("div", { class: "map-frame" }, this.tools, this.frame);
    this.view = { ...plan.box };
    this.listen();
    const resized = new ResizeObserver(() => this.resize());
    resized.observe(this.frame);
    signal.addEventListener("abort", () => resized.disconnect());
  }

  tool(name, label, action) {
    return h("button", { type: "button", class: "round", "aria-label": t(label), onclick: action }, icon(name));
  }

  draw() {
    const { plan, sections } = this;
    this.blocks = sections.map((section, index) => {
      const { outline, middle } = plan.blocks[index];
      const text = s("text", { class: "block-text", x: middle.x, y: middle.y });
      const element = s("g", { class: `block tint-${index % 6}`, role: "button", tabindex: "0", "data-section": index }, s("path", { d: outline }));
      return { element, text };
    });
    this.marks = s("g", {});
    this.chairs = s("g", { "aria-hidden": "true" });
    this.overview = s("g", { class: "blocks", role: "group", "aria-label": t("map.sections") }, this.blocks.map(({ element }) => element));
    this.groups = sections.map((section, index) => s("g", { role: "rowgroup", class: `tint-${index % 6}`, "aria-label": sectionName(section.name) }));
    this.grid = s("g", { role: "grid", "aria-label": t("map.label"), "aria-multiselectable": "true", "aria-rowcount": plan.rows.length });
    return [
      s("g", { class: "stage", "aria-hidden": "true" }, s("path", { d: plan.stage.path }), s("text", { x: plan.stage.x, y: plan.stage.y + 5 }, t("map.stage"))),
      this.overview,
      s("g", { "aria-hidden": "true" }, this.blocks.map(({ text }) => text)),
      s("g", { class: "map-labels", "aria-hidden": "true" },
        plan.blocks.map(({ label }, index) => s("text", { class: `section-label tint-${index % 6}`, x: label.x, y: label.y + LABEL_SIZE * 0.35 }, label.text)),
        this.marks),
      this.grid,
      this.chairs,
    ];
  }

  /** Writes each section's name, price and free seats on its shape, level and in as large letters as fit. */
  tellAll() {
    const scale = this.scale(this.around(this.plan.box));
    this.sections.forEach((section, index) => {
      const { price, left, isSoldOut } = this.summary(section);
      const { element, text } = this.blocks[index];
      const name = sectionName(section.name);
      element.classList.toggle("none", isSoldOut);
      const label = t("map.section", { section: name, price, left });
      if (element.getAttribute("aria-label") === label && text.dataset.scale === String(scale)) return;
      element.setAttribute("aria-label", label);
      text.dataset.scale = String(scale);
      const { points, middle } = this.plan.blocks[index];
      const fitted = (lines) => ({ lines, size: fittingSize(points, middle, Math.max(...lines.map(widthOf)) + 1, lines.length * 1.15 + 0.3, this.plan.box.w / 16) });
      const full = [[name, price, left], [`${name} · ${price}`, left], [`${name} · ${price} · ${left}`]].map(fitted);
      const largest = full.reduce((best, some) => (some.size > best.size * 1.05 ? some : best));
      const isLegible = ({ size }) => size * scale >= LEAST_TEXT_PX;
      const { lines, size } = [largest, fitted([name, left]), fitted([name])].find(isLegible) ?? fitted([section.name]);
      text.style.fontSize = `${size.toFixed(1)}px`;
      text.replaceChildren(...lines.map((line, i) => s("tspan", { x: middle.x, dy: i === 0 ? `${(0.35 - ((lines.length - 1) * 1.15) / 2).toFixed(2)}em` : "1.15em" }, line)));
    });
  }

  /** Sets a seat's state: AVAILABLE, MINE, HELD, SOLD or SELECTED. `fresh`: it has just been taken, which is highlighted briefly. */
  set(number, state, fresh = false) {
    if (this.states.get(number) === state && !fresh) return;
    this.states.set(number, state);
    if (fresh) {
      this.fresh.add(number);
      setTimeout(() => {
        this.fresh.delete(number);
        this.elements.get(number)?.classList.remove("fresh");
      }, 4000);
    }
    const element = this.elements.get(number);
    if (element) this.paint(element, this.byNumber.get(number));
  }

  paint(element, seat) {
    const state = this.states.get(seat.number) ?? "UNKNOWN";
    element.setAttribute("class", `seat ${state.toLowerCase()}${this.fresh.has(seat.number) ? " fresh" : ""}`);
    element.firstChild.setAttribute("d", SHAPES[state] ?? SHAPES.AVAILABLE);
    this.numbers.get(seat.number).setAttribute("class", `seat-number ${state.toLowerCase()}${seat.label.length > 3 ? " long" : ""}`);
    element.setAttribute("aria-label", this.describe(seat, state));
    element.setAttribute("aria-selected", String(state === "SELECTED"));
    if (state === "AVAILABLE" || state === "SELECTED") element.removeAttribute("aria-disabled");
    else element.setAttribute("aria-disabled", "true");
    if (this.hinted === seat.number && !this.tip.hidden) this.tip.textContent = element.getAttribute("aria-label");
  }

  // --- View

  /** Pixels per unit. The part of the hall that is shown always has the proportions of the frame. */
  scale(view = this.view) {
    return (this.frame.clientWidth || 1) / view.w;
  }

  proportion() {
    const { clientWidth, clientHeight } = this.frame;
    return clientWidth > 0 && clientHeight > 0 ? clientHeight / clientWidth : 1;
  }

  /** The smallest view that contains a box. */
  around(box) {
    const w = Math.max(box.w, box.h / this.proportion());
    const high = w * this.proportion();
    return { x: box.x + (box.w - w) / 2, y: box.y + (box.h - high) / 2, w, h: high };
  }

  resize() {
    const wasWhole = !this.drawn || this.isWhole();
    const high = this.view.w * this.proportion();
    this.view = wasWhole ? this.around(this.plan.box) : { ...this.view, y: this.view.y + (this.view.h - high) / 2, h: high };
    this.stayInside();
    this.tellAll();
    this.look();
  }

  /** Redraws the map for the current view. */
  look() {
    clearTimeout(this.resting);
    const { x, y, w, h: high } = this.view;
    this.drawn = { ...this.view };
    this.svg.style.transform = "";
    this.svg.classList.remove("gliding");
    this.svg.setAttribute("viewBox", `${x.toFixed(2)} ${y.toFixed(2)} ${w.toFixed(2)} ${high.toFixed(2)}`);
    const pixels = this.scale() * PITCH;
    this.showsSeats = pixels >= SEEN_PX;
    this.svg.classList.toggle("seats", this.showsSeats);
    this.svg.classList.toggle("near", pixels >= LEGIBLE_PX);
    this.svg.classList.toggle("far", pixels < TAPPABLE_PX);
    const all = this.isWhole();
    this.svg.classList.toggle("zoomed", !all);
    this.zoomOut.disabled = all;
    this.whole.disabled = all;
    for (const { element } of this.blocks) element.setAttribute("tabindex", this.showsSeats ? "-1" : "0");
    if (this.showsSeats) this.overview.setAttribute("aria-hidden", "true");
    else this.overview.removeAttribute("aria-hidden");
    this.drawSeats();
    this.onLook();
  }

  /** Whether a box or point is in view, or so near that it may come into view before the next redrawing. */
  isNear({ x, y, w = 0, h: high = 0 }, share = BLANK) {
    const { view } = this;
    const [wide, tall] = [view.w * share, view.h * share];
    return x + w > view.x - wide && x < view.x + view.w + wide && y + high > view.y - tall && y < view.y + view.h + tall;
  }

  /** Puts the seats in view into the document, and removes the others. */
  drawSeats() {
    const focused = document.activeElement?.closest?.(".map-frame .seat") ? this.focusable : null;
    const drawnRows = new Set();
    const wanted = new Set();
    const marks = [];
    if (this.showsSeats) {
      this.plan.rows.forEach((row, index) => {
        if (!this.isNear(row.box)) return;
        const seats = this.seats.slice(row.from, row.to).filter((seat) => this.isNear(seat) || seat === focused);
        if (seats.length === 0) return;
        drawnRows.add(index);
        for (const seat of seats) wanted.add(seat.number);
        this.drawRow(index, seats);
        for (const mark of row.marks) if (this.isNear(mark)) marks.push(s("text", { class: "row-mark", x: mark.x, y: mark.y + 3.4 }, mark.text));
      });
    }
    for (const number of this.elements.keys()) {
      if (wanted.has(number)) continue;
      this.elements.delete(number);
      this.numbers.delete(number);
    }
    for (const index of this.rows.keys()) if (!drawnRows.has(index)) this.rows.delete(index);
    this.marks.replaceChildren(...marks);
    replaceIfOther(this.chairs, [...this.numbers.values()]);
    this.groups.forEach((group, section) => {
      const rows = [...drawnRows].filter((index) => this.plan.rows[index].section === section).map((index) => this.rows.get(index));
      replaceIfOther(group, rows);
    });
    replaceIfOther(this.grid, this.groups.filter((group) => group.firstChild));
    this.grid.toggleAttribute("hidden", !this.grid.firstChild);
    if (this.showsSeats && !wanted.has(this.focusable?.number)) this.focusable = this.byNumber.get(wanted.values().next().value) ?? this.focusable;
    this.elements.get(this.focusable?.number)?.setAttribute("tabindex", "0");
    if (focused && !document.activeElement?.closest?.(".map-frame")) this.elements.get(focused.number)?.focus({ preventScroll: true });
  }

  drawRow(index, seats) {
    const { label } = this.plan.rows[index];
    const row = this.rows.get(index) ?? s("g", { role: "row", "aria-rowindex": index + 1, "aria-label": label ? t("row", { row: label }) : null });
    this.rows.set(index, row);
    replaceIfOther(row, seats.map((seat) => this.elements.get(seat.number) ?? this.seatElement(seat)));
  }

  seatElement(seat) {
    const at = `translate(${seat.x.toFixed(1)} ${seat.y.toFixed(1)})`;
    const turn = seat.turn.toFixed(1);
    const element = s("g", { role: "gridcell", "aria-colindex": seat.column + 1, tabindex: "-1", transform: `${at} rotate(${turn})`, "data-seat": seat.number }, s("path", {}));
    this.elements.set(seat.number, element);
    // The number of a seat that is turned far is upright.
    this.numbers.set(seat.number, s("text", { y: 3, transform: Math.abs(seat.turn) > 60 ? at : `${at} rotate(${turn})` }, seat.label));
    this.paint(element, seat);
    return element;
  }

  /** The sections of which seats are shown. */
  seatsShownOf() {
    return this.showsSeats ? this.sections.filter((_, index) => this.isNear(this.plan.blocks[index].box, 0)) : [];
  }

  /** Moves and scales the existing drawing by a CSS transform, which is cheap. Redraws after the movement ends. */
  glide() {
    const { view, drawn } = this;
    const isBeyond = (side, size) => view[side] < drawn[side] - drawn[size] * BLANK || view[side] + view[size] > drawn[side] + drawn[size] * (1 + BLANK);
    if (isBeyond("x", "w") || isBeyond("y", "h")) {
      this.look();
      return;
    }
    const scale = this.scale();
    this.svg.classList.add("gliding");
    this.svg.style.transform = `translate(${(drawn.x - view.x) * scale}px, ${(drawn.y - view.y) * scale}px) scale(${scale / this.scale(drawn)})`;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.look(), REST_MS);
  }

  isWhole() {
    return this.view.w >= this.around(this.plan.box).w - 0.5;
  }

  showAll() {
    this.view = this.around(this.plan.box);
    this.look();
  }

  /** Zooms in (factor above 1) or out, keeping a point of the hall in place. */
  zoom(factor, point = { x: this.view.x + this.view.w / 2, y: this.view.y + this.view.h / 2 }) {
    const widest = this.around(this.plan.box).w;
    const nearest = Math.min(widest, (this.frame.clientWidth / NEAREST) * PITCH);
    const w = Math.min(widest, Math.max(nearest, this.view.w / factor));
    const real = this.view.w / w;
    this.view = { x: point.x - (point.x - this.view.x) / real, y: point.y - (point.y - this.view.y) / real, w, h: this.view.h / real };
    this.stayInside();
    this.later();
  }

  /** Shows as much of a section as fits while a finger can hit its seats. */
  enter(index, point) {
    const { box } = this.plan.blocks[index];
    const fit = this.around(box);
    const w = Math.min(fit.w, (this.frame.clientWidth / (TAPPABLE_PX * 1.1)) * PITCH);
    const high = w * this.proportion();
    const within = (at, low, size, shown) => (size <= shown ? low + (size - shown) / 2 : Math.min(low + size - shown, Math.max(low, at - shown / 2)));
    const middle = point ?? { x: box.x + box.w / 2, y: box.y };
    this.view = { x: within(middle.x, box.x, box.w, w), y: within(middle.y, box.y, box.h, high), w, h: high };
    this.look();
  }

  stayInside() {
    const { view } = this;
    const box = this.around(this.plan.box);
    const clamp = (value, low, high) => (low > high ? (low + high) / 2 : Math.min(high, Math.max(low, value)));
    view.x = clamp(view.x, box.x, box.x + box.w - view.w);
    view.y = clamp(view.y, box.y, box.y + box.h - view.h);
  }

  later() {
    this.next ??= requestAnimationFrame(() => {
      this.next = null;
      this.glide();
    });
  }

  /** The point of the hall under the pointer. */
  point(event) {
    const frame = this.frame.getBoundingClientRect();
    const scale = this.scale();
    return { x: this.view.x + (event.clientX - frame.left) / scale, y: this.view.y + (event.clientY - frame.top) / scale };
  }

  /** Scrolls and zooms so that a seat is visible and legible. */
  reveal(seat) {
    if (this.scale() * PITCH < LEGIBLE_PX) this.zoom((LEGIBLE_PX * 1.1) / (this.scale() * PITCH), seat);
    const { view } = this;
    const edge = PITCH * 1.5;
    if (seat.x < view.x + edge || seat.x > view.x + view.w - edge) view.x = seat.x - view.w / 2;
    if (seat.y < view.y + edge || seat.y > view.y + view.h - edge) view.y = seat.y - view.h / 2;
    this.stayInside();
    const { drawn } = this;
    if (view.x !== drawn.x || view.y !== drawn.y || view.w !== drawn.w) this.look();
  }

  // --- Input

  listen() {
    const { svg, signal } = this;
    const on = (name, handler, options) => svg.addEventListener(name, handler, { signal, ...options });
    on("wheel", (event) => {
      // Where nothing more can be zoomed out, the wheel scrolls the page.
      if (event.deltaY > 0 && this.isWhole()) return;
      event.preventDefault();
      // Browsers report a touchpad pinch as a wheel event with Ctrl and small steps; lines are about 16 pixels.
      const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
      this.zoom(Math.exp(-Math.max(-240, Math.min(240, pixels)) / (event.ctrlKey ? 200 : 500)), this.point(event));
    }, { passive: false });
    on("pointerdown", (event) => {
      this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (this.pointers.size === 1) this.moved = 0;
    });
    on("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      on(name, (event) => this.pointers.delete(event.pointerId));
    }
    on("pointerleave", (event) => {
      if (!svg.hasPointerCapture(event.pointerId)) this.pointers.delete(event.pointerId);
      this.tip.hidden = true;
    });
    on("click", (event) => this.click(event));
    on("dblclick", (event) => {
      event.preventDefault();
      if (this.showsSeats && !this.enlarged && !event.target.closest(".seat")) this.zoom(DOUBLE_TAP, this.point(event));
    });
    on("pointerover", (event) => this.hint(event));
    on("keydown", (event) => this.key(event));
    on("focusin", (event) => {
      const seat = this.byNumber.get(Number(event.target.closest?.(".seat")?.dataset.seat));
      if (!seat) return;
      this.makeFocusable(seat);
      if (event.target.matches(":focus-visible")) this.reveal(seat);
    });
  }

  click(event) {
    if (this.moved > CLICK_PX) return;
    // The second click of a double click on a section must not pick the seat that it has just uncovered.
    const isSecond = event.detail > 1 && event.timeStamp - this.clickedAt < DOUBLE_MS;
    this.clickedAt = event.timeStamp;
    if (isSecond) return;
    const seat = Number(event.target.closest(".seat")?.dataset.seat);
    const block = event.target.closest(".block");
    const pixels = this.scale() * PITCH;
    // A click made by a screen reader or a script has no screen position; it means exactly this seat.
    const byPointer = event.detail > 0;
    this.enlarged = !this.showsSeats || (byPointer && pixels < TAPPABLE_PX);
    if (!this.showsSeats && block) this.enter(Number(block.dataset.section), byPointer ? this.point(event) : undefined);
    else if (byPointer && pixels < TAPPABLE_PX) this.zoom(Math.max(2, (LEGIBLE_PX * 1.2) / pixels), this.point(event));
    else if (seat) this.pick(seat);
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const after = { x: event.clientX, y: event.clientY };
    const scale = this.scale();
    if (this.pointers.size === 1) {
      this.moved += Math.hypot(after.x - before.x, after.y - before.y);
      if (this.moved > CLICK_PX && !this.isWhole()) {
        this.svg.setPointerCapture(event.pointerId);
        this.view.x -= (after.x - before.x) / scale;
        this.view.y -= (after.y - before.y) / scale;
        this.stayInside();
        this.later();
      }
    } else if (this.pointers.size === 2) {
      this.moved = CLICK_PX + 1;
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const distance = (point) => Math.hypot(point.x - other.x, point.y - other.y);
      const middle = (point) => this.point({ clientX: (point.x + other.x) / 2, clientY: (point.y + other.y) / 2 });
      const pinched = middle(before);
      if (distance(before) > 0) this.zoom(distance(after) / distance(before), pinched);
      // What was between the fingers stays between them.
      const shown = middle(after);
      this.view.x += pinched.x - shown.x;
      this.view.y += pinched.y - shown.y;
      this.stayInside();
      this.later();
    }
    this.pointers.set(event.pointerId, after);
  }

  hint(event) {
    const seat = this.byNumber.get(Number(event.target.closest?.(".seat")?.dataset.seat));
    if (!seat || event.pointerType === "touch") {
      this.tip.hidden = true;
      return;
    }
    this.hinted = seat.number;
    this.tip.textContent = this.describe(seat, this.states.get(seat.number) ?? "UNKNOWN");
    this.tip.hidden = false;
    const frame = this.frame.getBoundingClientRect();
    const target = event.target.closest(".seat").getBoundingClientRect();
    const half = this.tip.offsetWidth / 2;
    const middle = target.left + target.width / 2 - frame.left;
    this.tip.style.left = `${Math.min(frame.width - half - 4, Math.max(half + 4, middle))}px`;
    this.tip.style.top = `${Math.max(this.tip.offsetHeight + 4, target.top - frame.top - 6)}px`;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const seat = this.byNumber.get(Number(event.target.closest(".seat")?.dataset.seat));
    const block = event.target.closest(".block");
    const next = seat && neighbour(this.plan, seat, event.key);
    const isPress = event.key === "Enter" || event.key === " ";
    if (next) this.focus(next);
    else if (seat && isPress) this.pick(seat.number);
    else if (block && isPress) this.enterByKey(Number(block.dataset.section));
    else if (event.key === "+" || event.key === "=") this.zoomByKey(STEP, seat);
    else if (event.key === "-") this.zoomByKey(1 / STEP, seat);
    else if (event.key === "0" || event.key === "Escape") {
      if (this.isWhole()) return;
      this.showAll();
      this.keepFocus(seat);
    } else return;
    event.preventDefault();
  }

  zoomByKey(factor, seat) {
    this.zoom(factor, seat);
    this.look();
    this.keepFocus(seat);
  }

  /** After zooming out to the sections, the focus is on the section of the seat that had it. */
  keepFocus(seat) {
    if (seat && !this.showsSeats) this.blocks[seat.section].element.focus({ preventScroll: true });
  }

  /** Shows a section's seats and focuses the first free one. */
  enterByKey(index) {
    const section = this.sections[index];
    const seats = this.seats.filter((seat) => seat.section === index);
    const seat = seats.find(({ number }) => this.states.get(number) === "AVAILABLE") ?? this.byNumber.get(section.first);
    this.enter(index, seat);
    this.focus(seat);
  }

  makeFocusable(seat) {
    this.elements.get(this.focusable.number)?.setAttribute("tabindex", "-1");
    this.focusable = seat;
    this.elements.get(seat.number)?.setAttribute("tabindex", "0");
  }

  focus(seat) {
    this.reveal(seat);
    this.makeFocusable(seat);
    this.elements.get(seat.number)?.focus({ preventScroll: true });
  }

  pick(number) {
    const state = this.states.get(number);
    if (state === "AVAILABLE" || state === "SELECTED") this.onPick(number);
  }
}

/** Replaces the children only if they are others, so that nothing loses its focus needlessly. */
function replaceIfOther(element, children) {
  const { childNodes } = element;
  if (childNodes.length !== children.length || children.some((child, i) => childNodes[i] !== child)) element.replaceChildren(...children);
}

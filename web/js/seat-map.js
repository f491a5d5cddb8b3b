// The seat map: an SVG that zooms and pans by wheel, pinch, drag, buttons and keys. Each state of a seat has its own shape, because
// colour alone must not carry information.

import { h, icon, s } from "./dom.js";
import { t } from "./i18n.js";
import { sectionName } from "./seating.js";
import { layout, neighbour, PITCH } from "./seat-layout.js";

export const SHAPES = {
  AVAILABLE: "M-9 -5.5a3.5 3.5 0 0 1 3.5 -3.5h11a3.5 3.5 0 0 1 3.5 3.5v8a6.5 6.5 0 0 1 -6.5 6.5h-5a6.5 6.5 0 0 1 -6.5 -6.5z",
  SELECTED: "M-12 -8a4 4 0 0 1 4 -4h16a4 4 0 0 1 4 4v10a9 9 0 0 1 -9 9h-6a9 9 0 0 1 -9 -9z",
  HELD: "M0 -6.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 1 1 0 -13M0 -3.4v3.6l2.6 1.6",
  SOLD: "M-4.5 -4.5l9 9m0 -9l-9 9",
};

/** Seats smaller than this many pixels cannot be hit by a finger: a tap zooms in instead. */
const TAPPABLE_PX = 15;
/** Seats of at least this many pixels show their numbers. */
const LEGIBLE_PX = 23;
/** The largest size of a seat, in pixels. */
const NEAREST = 46;
/** Zoom factor of a button or key press. */
const STEP = 1.5;
/** The map is redrawn this long after the last movement. */
const REST_MS = 140;
/** While moving, at most this share of the frame may be blank before the map is redrawn. */
const BLANK = 0.25;
/** A pointer that moved no more than this many pixels has clicked. */
const CLICK_PX = 6;

export class SeatMap {
  /** `onPick(number)` is called when the user selects an available seat or deselects it. */
  constructor({ sections, describe, onPick, signal }) {
    Object.assign(this, { sections, describe, onPick, signal });
    const plan = layout(sections);
    this.plan = plan;
    this.seats = plan.seats;
    this.byNumber = new Map(plan.seats.map((seat) => [seat.number, seat]));
    this.states = new Map();
    this.elements = new Map();
    this.view = { ...plan.box };
    this.pointers = new Map();
    this.tip = h("div", { class: "tip", "aria-hidden": "true", hidden: true });
    this.svg = s("svg", { class: "map far", "data-testid": "seat-map" }, this.draw());
    this.zoomOut = this.tool("minus", "map.out", () => this.zoom(1 / STEP));
    this.whole = this.tool("whole", "map.whole", () => this.showAll());
    this.svg.style.setProperty("--label", `${plan.labelSize}px`);
    this.tools = h("div", { class: "map-tools" }, this.tool("plus", "map.in", () => this.zoom(STEP)), this.zoomOut, this.whole);
    this.element = h("div", { class: "map-frame" }, this.tools, this.svg, this.tip);
    this.listen();
    this.focusable = this.seats[0];
    this.elements.get(this.focusable?.number)?.setAttribute("tabindex", "0");
    new ResizeObserver(() => this.look()).observe(this.element);
    this.look();
  }

  tool(name, label, action) {
    return h("button", { type: "button", class: "round", "aria-label": t(label), onclick: action }, icon(name));
  }

  draw() {
    const { plan, sections } = this;
    const grid = s("g", { role: "grid", "aria-label": t("map.label"), "aria-multiselectable": "true" });
    let group = null;
    let row = null;
    let last = null;
    for (const seat of plan.seats) {
      if (seat.section !== last?.section) {
        group = s("g", { role: "rowgroup", class: `section tint-${sections[seat.section].index % 6}`, "aria-label": sectionName(sections[seat.section].name) });
        grid.append(group);
      }
      if (seat.drawnRow !== last?.drawnRow) {
        row = s("g", { role: "row" });
        group.append(row);
      }
      const element = s("g", { class: "seat", role: "gridcell", tabindex: "-1", transform: `translate(${seat.x.toFixed(1)} ${seat.y.toFixed(1)}) rotate(${seat.turn.toFixed(1)})`, "data-seat": seat.number },
        s("path", { d: SHAPES.AVAILABLE }),
        s("text", { y: 3, class: seat.label.length > 3 ? "long" : null, "aria-hidden": "true" }, seat.label));
      this.elements.set(seat.number, element);
      row.append(element);
      last = seat;
    }
    return [
      s("g", { class: "stage", "aria-hidden": "true" }, s("path", { d: plan.stage.path }), s("text", { x: plan.stage.x, y: plan.stage.y + 5 }, t("map.stage"))),
      s("g", { class: "map-labels", "aria-hidden": "true" },
        plan.labels.map((label) => s("text", { class: `section-label tint-${sections[label.section].index % 6}`, x: label.x, y: label.y + 4 }, sections[label.section].name)),
        plan.rowMarks.map((mark) => s("text", { class: "row-mark", x: mark.x, y: mark.y + 3.4 }, mark.text))),
      grid,
    ];
  }

  /** Sets a seat's state: AVAILABLE, HELD, SOLD or SELECTED. `fresh`: it has just been taken, which is highlighted briefly. */
  set(number, state, fresh = false) {
    const element = this.elements.get(number);
    if (!element || (this.states.get(number) === state && !fresh)) return;
    this.states.set(number, state);
    element.setAttribute("class", `seat ${state.toLowerCase()}${fresh ? " fresh" : ""}`);
    element.firstChild.setAttribute("d", SHAPES[state]);
    element.setAttribute("aria-label", this.describe(this.byNumber.get(number), state));
    element.setAttribute("aria-selected", String(state === "SELECTED"));
    if (state === "HELD" || state === "SOLD") element.setAttribute("aria-disabled", "true");
    else element.removeAttribute("aria-disabled");
    if (fresh) setTimeout(() => element.classList.remove("fresh"), 4000);
    if (this.hinted === number && !this.tip.hidden) this.tip.textContent = element.getAttribute("aria-label");
  }

  // --- View

  /** How a part of the hall is placed in the frame: pixels per unit, and the position of the origin. */
  placed(view) {
    const { clientWidth: width, clientHeight: height } = this.element;
    const scale = Math.min(width / view.w, height / view.h) || 1;
    return { scale, x: (width - view.w * scale) / 2 - view.x * scale, y: (height - view.h * scale) / 2 - view.y * scale };
  }

  scale() {
    return this.placed(this.view).scale;
  }

  /** Redraws the map for the current view. With thousands of seats this takes much longer than a frame. */
  look() {
    clearTimeout(this.resting);
    const { x, y, w, h: high } = this.view;
    this.drawn = { ...this.view };
    this.svg.style.transform = "";
    this.svg.classList.remove("gliding");
    this.svg.setAttribute("viewBox", `${x.toFixed(2)} ${y.toFixed(2)} ${w.toFixed(2)} ${high.toFixed(2)}`);
    const pixels = this.scale() * PITCH;
    this.svg.classList.toggle("near", pixels >= LEGIBLE_PX);
    this.svg.classList.toggle("far", pixels < TAPPABLE_PX);
    const all = this.isWhole();
    this.svg.classList.toggle("zoomed", !all);
    this.zoomOut.disabled = all;
    this.whole.disabled = all;
  }

  /** Moves and scales the existing drawing by a CSS transform, which is cheap. Redraws after the movement ends. */
  glide() {
    const { view, drawn } = this;
    const isBeyond = (side, size) => view[side] < drawn[side] - drawn[size] * BLANK || view[side] + view[size] > drawn[side] + drawn[size] * (1 + BLANK);
    if (isBeyond("x", "w") || isBeyond("y", "h")) {
      this.look();
      return;
    }
    const from = this.placed(this.drawn);
    const to = this.placed(this.view);
    const factor = to.scale / from.scale;
    this.svg.classList.add("gliding");
    this.svg.style.transform = `translate(${to.x - factor * from.x}px, ${to.y - factor * from.y}px) scale(${factor})`;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.look(), REST_MS);
  }

  isWhole() {
    return this.view.w >= this.plan.box.w - 0.5;
  }

  showAll() {
    this.view = { ...this.plan.box };
    this.look();
  }

  /** Zooms in (factor above 1) or out, keeping a point of the hall in place. */
  zoom(factor, around) {
    const { box } = this.plan;
    const nearestWidth = Math.min(box.w, (this.element.clientWidth / NEAREST) * PITCH);
    const w = Math.min(box.w, Math.max(nearestWidth, this.view.w / factor));
    const real = this.view.w / w;
    const point = around ?? { x: this.view.x + this.view.w / 2, y: this.view.y + this.view.h / 2 };
    this.view = { x: point.x - (point.x - this.view.x) / real, y: point.y - (point.y - this.view.y) / real, w, h: this.view.h / real };
    this.stayInside();
    this.later();
  }

  stayInside() {
    const { box } = this.plan;
    const { view } = this;
    const clamp = (value, low, high) => (low > high ? (low + high) / 2 : Math.min(high, Math.max(low, value)));
    view.x = clamp(view.x, box.x, box.x + box.w - view.w);
    view.y = clamp(view.y, box.y, box.y + box.h - view.h);
  }

  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.glide();
    });
  }

  /** The point of the hall under the pointer. */
  point(event) {
    const frame = this.element.getBoundingClientRect();
    const { scale, x, y } = this.placed(this.view);
    return { x: (event.clientX - frame.left - this.element.clientLeft - x) / scale, y: (event.clientY - frame.top - this.element.clientTop - y) / scale };
  }

  /** Scrolls and zooms so that a seat is visible and legible. */
  reveal(seat) {
    if (this.scale() * PITCH < LEGIBLE_PX) {
      const factor = LEGIBLE_PX / (this.scale() * PITCH);
      this.zoom(factor * 1.1, seat);
    }
    const { view } = this;
    const edge = PITCH * 1.5;
    if (seat.x < view.x + edge || seat.x > view.x + view.w - edge) view.x = seat.x - view.w / 2;
    if (seat.y < view.y + edge || seat.y > view.y + view.h - edge) view.y = seat.y - view.h / 2;
    this.stayInside();
    this.later();
  }

  // --- Input

  listen() {
    const { svg, signal } = this;
    const on = (name, handler, options) => svg.addEventListener(name, handler, { signal, ...options });
    on("wheel", (event) => {
      // A plain wheel scrolls the page. Browsers report a touchpad pinch as a wheel event with Ctrl.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 200), this.point(event));
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
    on("click", (event) => {
      if (this.moved > CLICK_PX) return;
      const number = Number(event.target.closest?.(".seat")?.dataset.seat);
      // A click made by a screen reader or a script has no screen position; it means exactly this seat.
      const byPointer = event.detail > 0;
      if (byPointer && this.scale() * PITCH < TAPPABLE_PX) this.zoom(Math.max(2, (LEGIBLE_PX * 1.2) / (this.scale() * PITCH)), this.point(event));
      else if (number) this.pick(number);
    });
    on("pointerover", (event) => this.hint(event));
    on("keydown", (event) => this.key(event));
    on("focusin", (event) => {
      const seat = this.byNumber.get(Number(event.target.dataset?.seat));
      if (seat && event.target.matches(":focus-visible")) this.reveal(seat);
    });
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
      const middle = this.point({ clientX: (after.x + other.x) / 2, clientY: (after.y + other.y) / 2 });
      if (distance(before) > 0) this.zoom(distance(after) / distance(before), middle);
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
    this.tip.textContent = this.describe(seat, this.states.get(seat.number) ?? "AVAILABLE");
    this.tip.hidden = false;
    const frame = this.element.getBoundingClientRect();
    const target = event.target.closest(".seat").getBoundingClientRect();
    const half = this.tip.offsetWidth / 2;
    const middle = target.left + target.width / 2 - frame.left;
    this.tip.style.left = `${Math.min(frame.width - half - 4, Math.max(half + 4, middle))}px`;
    this.tip.style.top = `${Math.max(this.tip.offsetHeight + 4, target.top - frame.top - 6)}px`;
  }

  key(event) {
    const seat = this.byNumber.get(Number(event.target.dataset?.seat));
    if (!seat || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = neighbour(this.seats, seat, event.key);
    if (next) this.focus(next);
    else if (event.key === "Enter" || event.key === " ") this.pick(seat.number);
    else if (event.key === "+" || event.key === "=") this.zoom(STEP, seat);
    else if (event.key === "-") this.zoom(1 / STEP, seat);
    else if (event.key === "0") this.showAll();
    else return;
    event.preventDefault();
  }

  focus(seat) {
    this.elements.get(this.focusable.number).setAttribute("tabindex", "-1");
    this.focusable = seat;
    const element = this.elements.get(seat.number);
    element.setAttribute("tabindex", "0");
    element.focus({ preventScroll: true });
    this.reveal(seat);
  }

  pick(number) {
    const state = this.states.get(number);
    if (state === "AVAILABLE" || state === "SELECTED") this.onPick(number);
  }
}

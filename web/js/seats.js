// The page to choose seats of a date: on the map, in a list, or the best available.

import { go, href } from "./address.js";
import * as api from "./api.js";
import { eachSecond } from "./clock.js";
import { alarm, announce, h, icon, put, s, setText } from "./dom.js";
import { dayAndTime, duration, money, number, t } from "./i18n.js";
import { ApiError, isTransient } from "./network.js";
import { endTurn, hasTurn, refreshPlace } from "./queue.js";
import { findHolds, refusalPanel, requireTurn, turnBar, turnOverPanel } from "./turn.js";
import { SHAPES, SeatMap } from "./seat-map.js";
import { rememberHold } from "./holds.js";
import { arrange, seatName, seatOf, sectionName } from "./seating.js";
import { session } from "./storage.js";
import { asyncButton, backLink, errorText, setTitle, skeleton } from "./ui.js";

/** Halls with more seats are drawn one section at a time. */
const MOST_DRAWN = 3000;
/** Seats are reloaded this often while the page is visible, times the number of pages of the seat list. */
const REFRESH_SECONDS = 5;
/** Seats per page of the API's seat list. */
const PAGE = 1000;

export async function show(root, { params: [id, key], signal }) {
  put(root, skeleton(4));
  if (!requireTurn(id)) return;
  const event = await api.getEvent(id, { signal });
  const date = event.dates?.find((it) => it.date === key);
  if (!date) throw new ApiError("date_not_found");
  setTitle(`${event.eventName} · ${dayAndTime(date.startsAt, event.timeZone)}`);
  const body = h("div", { class: "seats-view" });
  const bar = turnBar(event, signal, () => put(body, turnOverPanel(id)));
  put(root, backLink(t("shop.title"), "e", id, "shop"),
    h("div", { class: "view-head" }, h("div", {}, h("h1", {}, t("seats.title")), h("p", { class: "lead" }, `${event.eventName} · ${dayAndTime(date.startsAt, event.timeZone)}`)), bar),
    body);
  findHolds(id, rememberHold, signal);
  await new SeatPicker(event, date, body, signal).start();
}

class SeatPicker {
  constructor(event, date, body, signal) {
    Object.assign(this, { body, signal });
    this.chosen = new Set();
    // The choice survives a reload, and leaving to sign in.
    this.draft = `chosen.${event.eventId}.${date.date}`;
    this.mode = "map";
    this.use(event, date);
    this.stage = h("div", { class: "stage-area" });
    this.message = h("div", {});
    this.tray = h("section", { class: "tray", "aria-labelledby": "tray-title" });
    this.holding = false;
  }

  /** Takes over what the catalogue says. */
  use(event, date) {
    Object.assign(this, { event, date });
    this.sections = arrange(date.sections);
    this.states = new Map();
    this.shown = date.totalSeats > MOST_DRAWN ? [this.sections[0]] : this.sections;
  }

  draw() {
    put(this.body,
      this.best(),
      h("div", { class: "seat-tools" }, this.sectionPicker(), this.modePicker()),
      this.message,
      h("div", { class: "seats-columns" }, h("div", { class: "seats-main" }, this.stage, this.legend()), this.tray));
    this.drawStage();
    this.drawTray();
  }

  async start() {
    for (const seat of session.get(this.draft) ?? []) if (this.sectionOf(seat)) this.chosen.add(seat);
    this.draw();
    await this.refresh(true);
    let last = Date.now();
    eachSecond(() => {
      const pages = Math.ceil(this.date.totalSeats / PAGE);
      if (!hasTurn(this.event.eventId) || document.visibilityState !== "visible" || Date.now() - last < REFRESH_SECONDS * 1000 * Math.max(1, pages)) return;
      last = Date.now();
      this.refresh(false);
    }, this.signal);
    document.addEventListener("visibilitychange", () => { if (hasTurn(this.event.eventId) && document.visibilityState === "visible") this.refresh(false); }, { signal: this.signal });
  }

  sectionOf(seat) {
    return this.sections.find((section) => seat >= section.first && seat <= section.last);
  }

  seat(seatNumber) {
    return seatOf(this.sectionOf(seatNumber), seatNumber);
  }

  describe(seatNumber, state) {
    const seat = this.seat(seatNumber);
    return t("seat.described", { seat: seatName(seat), price: money(seat.price, this.event.currency), state: t(`seat.${state}`) });
  }

  // --- Loading seats

  async refresh(first) {
    if (this.refreshing) return;
    this.refreshing = true;
    try {
      const section = this.shown.length < this.sections.length ? this.shown[0].name : undefined;
      const { shown } = this;
      const seats = [];
      let cursor;
      // A bound: 100 pages are 100,000 seats, more than anybody looks at.
      for (let page = 0; page < 100; page += 1) {
        const answer = await api.listSeats(this.event.eventId, this.date.date, { section, cursor, signal: this.signal, ...(first ? {} : { attempts: 1 }) });
        seats.push(...answer.seats);
        if (page === 0) this.nothingLeft(answer);
        cursor = answer.nextCursor;
        if (!cursor) break;
      }
      if (shown !== this.shown) {
        // Another section was selected meanwhile.
        this.again = true;
        return;
      }
      if (!this.fits(seats, !cursor)) {
        await this.adopt();
        return;
      }
      for (const seat of seats) this.learn(seat.seatNumber, seat.status, first);
      this.drawList();
    } catch (error) {
      if (this.signal.aborted || (!first && isTransient(error))) return;
      if (error.code === "invalid_request") {
        // The section that is shown does not exist any more.
        await this.adopt().catch(() => {});
        return;
      }
      put(this.message, refusalPanel(error, this.event.eventId, () => { put(this.message); this.refresh(true); }));
    } finally {
      this.refreshing = false;
      if (this.again && !this.signal.aborted) {
        this.again = false;
        this.refresh(false);
      }
    }
  }

  /** Whether these seats, with their sections, rows and prices, are the ones that are shown. `all`: none is missing. */
  fits(seats, all) {
    const isShown = (seat) => {
      const section = this.sectionOf(seat.seatNumber);
      return section !== undefined && section.name === seat.section && section.price === seat.price && seatName(seat) === seatName(seatOf(section, seat.seatNumber));
    };
    return (!all || seats.length === this.shown.reduce((sum, section) => sum + section.seats, 0)) && seats.every(isShown);
  }

  /**
   * Draws the hall anew because a new catalogue has changed it. Chosen seats stay chosen if they still exist. The event may be a
   * second older than the seats: then the next refresh comes here again.
   */
  async adopt() {
    const event = await api.getEvent(this.event.eventId, { signal: this.signal, attempts: 1 });
    const date = event.dates?.find((it) => it.date === this.date.date);
    if (!date) throw new ApiError("date_not_found");
    const before = JSON.stringify(this.sections);
    const section = this.shown.length === 1 ? this.shown[0].name : null;
    this.use(event, date);
    if (JSON.stringify(this.sections) === before) return;
    const same = this.sections.find((it) => it.name === section);
    if (same && this.shown.length < this.sections.length) this.shown = [same];
    for (const seat of [...this.chosen]) if (!this.sectionOf(seat)) this.chosen.delete(seat);
    this.draw();
    const text = t("seats.changed");
    put(this.message, h("div", { class: "notice" }, icon("warn"), h("p", {}, text)));
    alarm(text);
    this.again = true;
  }

  learn(seatNumber, status, first) {
    const before = this.states.get(seatNumber);
    this.states.set(seatNumber, status);
    const taken = status !== "AVAILABLE";
    if (taken && this.chosen.has(seatNumber) && !this.holding) {
      this.chosen.delete(seatNumber);
      const text = t("seat.lost", { seat: seatName(this.seat(seatNumber)) });
      put(this.message, h("div", { class: "notice bad" }, icon("warn"), h("p", {}, text)));
      alarm(text);
      this.drawTray();
    }
    this.map?.set(seatNumber, this.chosen.has(seatNumber) ? "SELECTED" : status, !first && taken && before === "AVAILABLE");
  }

  nothingLeft({ laterDates }) {
    if (!laterDates) return;
    const links = laterDates.map((later) => {
      const known = this.event.dates.find((date) => date.date === later.date);
      return h("a", { class: "button small quiet", href: href("e", this.event.eventId, "shop", later.date) }, known ? dayAndTime(known.startsAt, this.event.timeZone) : later.date);
    });
    put(this.message, h("div", { class: "notice" }, icon("calendar"), h("div", {}, h("p", {}, t(links.length ? "seats.none_later" : "seats.none")), h("div", { class: "actions" }, links))));
  }

  // --- Choosing seats

  best() {
    const { event } = this;
    const most = event.maxSeatsPerUser;
    const count = h("select", { id: "best-count" }, Array.from({ length: most }, (_, i) => h("option", { value: String(i + 1) }, t("seats.count", { n: i + 1 }))));
    const where = h("select", { id: "best-section" }, h("option", { value: "" }, t("seats.anywhere")),
      this.sections.map((section) => h("option", { value: section.name }, `${section.name} · ${money(section.price, event.currency)}`)));
    const button = asyncButton(h("button", { type: "button", class: "button", "data-testid": "best-available" }, icon("spark"), t("seats.best")), () =>
      this.hold({ bestAvailable: { count: Number(count.value), ...(where.value && { section: where.value }) } }));
    return h("section", { class: "panel best", "aria-labelledby": "best-title" },
      h("div", {}, h("h2", { id: "best-title" }, t("seats.best_title")), h("p", { class: "quiet-text" }, t("seats.best_text"))),
      h("div", { class: "best-form" },
        most > 1 && h("label", {}, h("span", {}, t("seats.how_many")), count),
        this.sections.length > 1 && h("label", {}, h("span", {}, t("seats.where")), where),
        button));
  }

  sectionPicker() {
    if (this.sections.length < 2) return h("span", {});
    const all = this.date.totalSeats <= MOST_DRAWN;
    const select = h("select", {}, all && h("option", { value: "" }, t("seats.all")),
      this.sections.map((section, i) => h("option", { value: String(i) }, `${section.name} · ${money(section.price, this.event.currency)}`)));
    select.value = this.shown.length < this.sections.length ? String(this.sections.indexOf(this.shown[0])) : "";
    select.addEventListener("change", () => {
      this.shown = select.value === "" ? this.sections : [this.sections[Number(select.value)]];
      this.drawStage();
      this.refresh(true);
    });
    return h("label", { class: "inline" }, h("span", {}, t("seats.section")), select);
  }

  modePicker() {
    const button = (mode) => h("button", { type: "button", "aria-pressed": String(this.mode === mode), onclick: () => {
      this.mode = mode;
      for (const other of group.children) other.setAttribute("aria-pressed", String(other === group.children[mode === "map" ? 0 : 1]));
      this.drawStage();
    } }, t(`seats.${mode}`));
    const group = h("div", { class: "segments", role: "group", "aria-label": t("seats.mode") });
    group.append(button("map"), button("list"));
    return group;
  }

  drawStage() {
    this.map = null;
    if (this.mode === "map") {
      this.mapSignal?.abort();
      this.mapSignal = new AbortController();
      this.signal.addEventListener("abort", () => this.mapSignal.abort());
      this.map = new SeatMap({
        sections: this.shown,
        describe: (seat, state) => this.describe(seat.number, state),
        onPick: (seatNumber) => this.pick(seatNumber),
        signal: this.mapSignal.signal,
      });
      put(this.stage, this.map.element);
      for (const [seatNumber, status] of this.states) this.map.set(seatNumber, this.chosen.has(seatNumber) ? "SELECTED" : status);
      this.map.look();
    } else {
      this.listed = null;
      put(this.stage, h("div", { class: "seat-list" }, this.shown.map((section) => this.listSection(section))));
    }
  }

  listSection(section) {
    const count = h("span", { class: "left" });
    const rows = h("div", { class: "list-rows" });
    const details = h("details", { open: this.shown.length === 1 }, h("summary", {}, h("b", {}, sectionName(section.name)), " ", money(section.price, this.event.currency), " ", count), rows);
    const draw = () => {
      const free = [];
      for (let seat = section.first; seat <= section.last; seat += 1) if (this.states.get(seat) === "AVAILABLE") free.push(seat);
      setText(count, t("left.seats", { n: free.length, total: number(section.seats) }));
      if (!details.open) return;
      const focused = document.activeElement?.dataset?.seat;
      const byRow = groupBy(free, (seat) => this.seat(seat).rowLabel);
      put(rows, free.length === 0 && h("p", {}, t("seats.none")), [...byRow].map(([row, seats]) => h("div", { class: "list-row", role: "group", "aria-label": row ? t("row", { row }) : sectionName(section.name) },
        row && h("span", { class: "row-name" }, t("row", { row })),
        h("div", { class: "list-seats" }, seats.map((seat) => h("button", { type: "button", class: "list-seat", "data-seat": seat, "aria-pressed": String(this.chosen.has(seat)), onclick: () => this.pick(seat) }, this.seat(seat).seatLabel, h("span", { class: "unseen" }, ` ${this.describe(seat, this.chosen.has(seat) ? "SELECTED" : "AVAILABLE")}`)))))));
      if (focused) rows.querySelector(`[data-seat="${focused}"]`)?.focus();
    };
    details.addEventListener("toggle", draw);
    this.listed = [...(this.listed ?? []), draw];
    draw();
    return details;
  }

  drawList() {
    if (this.mode === "list") for (const draw of this.listed ?? []) draw();
  }

  pick(seatNumber) {
    const most = this.event.maxSeatsPerUser;
    if (this.chosen.has(seatNumber)) {
      this.chosen.delete(seatNumber);
      this.map?.set(seatNumber, "AVAILABLE");
    } else {
      if (most === 1) {
        for (const other of this.chosen) this.map?.set(other, "AVAILABLE");
        this.chosen.clear();
      }
      if (this.chosen.size >= most) {
        const text = t("seats.most", { n: most });
        put(this.message, h("div", { class: "notice" }, icon("warn"), h("p", {}, text)));
        alarm(text);
        return;
      }
      this.chosen.add(seatNumber);
      this.map?.set(seatNumber, "SELECTED");
    }
    put(this.message);
    this.drawTray();
    this.drawList();
    announce(t("seats.chosen_spoken", { n: this.chosen.size, price: money(this.total(), this.event.currency) }));
  }

  total() {
    return [...this.chosen].reduce((sum, seat) => sum + this.seat(seat).price, 0);
  }

  drawTray() {
    const { event } = this;
    const seats = [...this.chosen].sort((a, b) => a - b);
    session.set(this.draft, seats);
    const heading = h("h2", { id: "tray-title" }, t("seats.chosen"));
    this.tray.classList.toggle("filled", seats.length > 0);
    if (seats.length === 0) {
      put(this.tray, heading, h("p", { class: "quiet-text" }, t("seats.choose", { n: event.maxSeatsPerUser })));
      return;
    }
    put(this.tray, heading,
      h("ul", { class: "chosen" }, seats.map((seat) => h("li", {}, h("span", {}, seatName(this.seat(seat))), h("b", {}, money(this.seat(seat).price, event.currency)),
        h("button", { type: "button", class: "remove", "aria-label": t("seats.give_back", { seat: seatName(this.seat(seat)) }), onclick: () => this.pick(seat) }, "×")))),
      h("p", { class: "total" }, h("span", {}, t("total")), h("b", {}, money(this.total(), event.currency))),
      asyncButton(h("button", { type: "button", class: "button big", "data-testid": "hold" }, t("seats.hold", { time: duration(event.holdSeconds) })), () =>
        this.hold(seats.length === 1 ? { seatNumber: seats[0] } : { seatNumbers: seats })),
      h("p", { class: "quiet-text" }, t("seats.hold_text")));
  }

  async hold(wanted) {
    const { event, date } = this;
    put(this.message);
    this.holding = true;
    try {
      const reservation = await api.hold(event.eventId, { date: date.date, ...wanted });
      rememberHold(reservation);
      session.remove(this.draft);
      announce(t("hold.done"));
      // The hold may have ended the turn or changed when it ends.
      refreshPlace(event.eventId).catch(() => endTurn(event.eventId));
      if (!this.signal.aborted) go("tickets", reservation.reservationId);
    } catch (error) {
      this.holding = false;
      if (this.signal.aborted) return;
      if (this.sectionOf(error.fields?.seatNumber)) error.fields.seat = seatName(this.seat(error.fields.seatNumber));
      if (error.code === "seat_taken" && error.fields.seatNumber) {
        const seat = error.fields.seatNumber;
        this.chosen.delete(seat);
        this.states.set(seat, "HELD");
        this.map?.set(seat, "HELD", true);
        this.drawTray();
      }
      put(this.message, refusalPanel(error, event.eventId, () => this.hold(wanted)));
      this.message.scrollIntoView({ block: "nearest" });
      alarm(errorText(error));
      if (["seat_taken", "seat_not_found", "sold_out"].includes(error.code)) this.refresh(false);
    }
  }

  legend() {
    const swatch = (state, tint = "") => s("svg", { class: "swatch map", viewBox: "-13 -13 26 26", "aria-hidden": "true" }, s("g", { class: tint }, s("g", { class: `seat ${state.toLowerCase()}` }, s("path", { d: SHAPES[state] }))));
    return h("div", { class: "legend" },
      h("ul", { "aria-label": t("legend.prices") }, this.sections.map((section, i) => h("li", {}, swatch("AVAILABLE", `tint-${i % 6}`), h("span", {}, section.name, " ", h("b", {}, money(section.price, this.event.currency)))))),
      h("ul", { "aria-label": t("legend.states") }, ["SELECTED", "HELD", "SOLD"].map((state) => h("li", {}, swatch(state), h("span", {}, t(`seat.${state}`))))),
      h("p", { class: "quiet-text" }, t("map.help")));
  }
}

function groupBy(items, of) {
  const groups = new Map();
  for (const item of items) groups.set(of(item), [...(groups.get(of(item)) ?? []), item]);
  return groups;
}

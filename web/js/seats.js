// The page to choose seats of a date: on the map, in a list, or the best available.

import { go, href } from "./address.js";
import * as api from "./api.js";
import { channelForm } from "./channel.js";
import { eachSecond } from "./clock.js";
import { alarm, announce, h, icon, put, s, setText } from "./dom.js";
import { feeNote, orderFee, orderTotal, ticketPrice } from "./fees.js";
import { dayAndTime, duration, money, number, t } from "./i18n.js";
import { ApiError, isTransient } from "./network.js";
import { endTurn, hasTurn, refreshPlace } from "./queue.js";
import { findHolds, refusalPanel, requireTurn, turnBar, turnOverPanel } from "./turn.js";
import { SHAPES, SeatMap } from "./seat-map.js";
import { rememberHold } from "./holds.js";
import { handOver } from "./kept-tickets.js";
import { arrange, seatName, seatOf, sectionName } from "./seating.js";
import { session } from "./storage.js";
import { asyncButton, backLink, errorText, setTitle, skeleton } from "./ui.js";

/** Of halls with more seats, only the seats of the sections in view are loaded. */
const MOST_AT_ONCE = 2000;
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
  const picker = new SeatPicker(event, date, body, signal);
  findHolds(id, (reservation) => {
    rememberHold(reservation);
    picker.own(reservation);
  }, signal);
  await picker.start();
}

class SeatPicker {
  constructor(event, date, body, signal) {
    Object.assign(this, { body, signal });
    this.chosen = new Set();
    /** The seats that the user holds. */
    this.held = new Set();
    // The choice survives a reload, and leaving to sign in.
    this.draft = `chosen.${event.eventId}.${date.date}`;
    this.mode = "map";
    this.use(event, date);
    this.stage = h("div", { class: "stage-area" });
    this.message = h("div", {});
    this.channel = channelForm(event, () => this.refresh(true));
    this.tray = h("section", { class: "tray", "aria-labelledby": "tray-title" });
    this.holding = false;
  }

  /** Takes over what the catalogue says. */
  use(event, date) {
    Object.assign(this, { event, date });
    this.sections = arrange(date.sections);
    this.states = new Map();
    this.isLarge = date.totalSeats > MOST_AT_ONCE;
  }

  /** The reservation is an unpaid hold of the user. */
  own(reservation) {
    if (reservation.date !== this.date.date) return;
    for (const seat of reservation.seats) {
      this.held.add(seat.seatNumber);
      if (this.states.has(seat.seatNumber)) this.learn(seat.seatNumber, this.states.get(seat.seatNumber), true);
    }
    this.drawList();
  }

  draw() {
    put(this.body,
      this.best(),
      h("div", { class: "seat-tools" }, this.modePicker()),
      this.message,
      this.channel,
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
      const pages = this.isLarge ? 2 : Math.ceil(this.date.totalSeats / PAGE);
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
    if (state === "UNKNOWN") return seatName(seat);
    return t("seat.described", { seat: seatName(seat), price: this.price(seat), state: t(`seat.${state}`) });
  }

  // --- Loading seats

  async refresh(first) {
    if (this.refreshing) {
      this.again = true;
      return;
    }
    this.refreshing = true;
    try {
      const sections = this.wanted();
      if (this.isLarge) await this.count();
      for (const section of sections) if (!await this.load(section, first)) return;
      this.map?.tellAll();
      this.drawList();
    } catch (error) {
      if (this.signal.aborted || (!first && isTransient(error))) return;
      if (error.code === "invalid_request") {
        // A section that is shown does not exist any more.
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

  /** The sections whose seats are needed: null for all of them at once. */
  wanted() {
    if (!this.isLarge) return [null];
    if (this.mode === "map") return this.map?.seatsShownOf() ?? [];
    return this.sections.filter((section) => section.isOpen);
  }

  /** How many seats are free in each section of a large hall. */
  async count() {
    const event = await api.getEvent(this.event.eventId, { signal: this.signal, attempts: 1 });
    const date = event.dates?.find((it) => it.date === this.date.date);
    if (!date) throw new ApiError("date_not_found");
    if (shape(date.sections) !== shape(this.date.sections)) {
      await this.adopt();
      return;
    }
    date.sections.forEach(({ availableSeats }, index) => { this.sections[index].availableSeats = availableSeats; });
    if (date.availableSeats === 0) this.nothingLeft(await api.listSeats(event.eventId, date.date, { signal: this.signal }));
  }

  /** Loads the seats of a section, or of all. Returns whether they are the ones that are shown. */
  async load(section, first) {
    const { sections } = this;
    const seats = [];
    let cursor;
    // A bound: 100 pages are 100,000 seats, more than a date has.
    for (let page = 0; page < 100; page += 1) {
      const answer = await api.listSeats(this.event.eventId, this.date.date, { section: section?.name, cursor, signal: this.signal, ...(first ? {} : { attempts: 1 }) });
      seats.push(...answer.seats);
      if (page === 0 && !section) this.nothingLeft(answer);
      cursor = answer.nextCursor;
      if (!cursor) break;
    }
    // Another catalogue has been adopted meanwhile.
    if (sections !== this.sections) return false;
    if (!this.fits(seats, section ? section.seats : this.date.totalSeats, !cursor)) {
      await this.adopt();
      return false;
    }
    for (const seat of seats) this.learn(seat.seatNumber, seat.status, first || section !== null);
    for (const it of section ? [section] : sections) it.availableSeats = seats.reduce((sum, seat) => sum + (seat.section === it.name && seat.status === "AVAILABLE" ? 1 : 0), 0);
    if (section) section.loadedAt = Date.now();
    return true;
  }

  /** Whether these seats, with their sections, labels and prices, are the ones that are shown. `all`: none is missing. */
  fits(seats, expected, all) {
    const isShown = (seat) => {
      const section = this.sectionOf(seat.seatNumber);
      return section !== undefined && section.name === seat.section && section.price === seat.price && seatName(seat) === seatName(seatOf(section, seat.seatNumber));
    };
    return (!all || seats.length === expected) && seats.every(isShown);
  }

  /**
   * Draws the hall anew because a new catalogue has changed it. Chosen seats stay chosen if they still exist. The event may be a
   * second older than the seats: then the next refresh comes here again.
   */
  async adopt() {
    const event = await api.getEvent(this.event.eventId, { signal: this.signal, attempts: 1 });
    const date = event.dates?.find((it) => it.date === this.date.date);
    if (!date) throw new ApiError("date_not_found");
    const before = shape(this.date.sections);
    this.use(event, date);
    if (shape(date.sections) === before) return;
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
      if (!this.held.has(seatNumber)) {
        const text = t("seat.lost", { seat: seatName(this.seat(seatNumber)) });
        put(this.message, h("div", { class: "notice bad" }, icon("warn"), h("p", {}, text)));
        alarm(text);
      }
      this.drawTray();
    }
    this.map?.set(seatNumber, this.shown(seatNumber), !first && taken && before === "AVAILABLE" && !this.held.has(seatNumber));
  }

  /** A seat's state as it is shown. */
  shown(seatNumber) {
    if (this.chosen.has(seatNumber)) return "SELECTED";
    const status = this.states.get(seatNumber);
    return status === "HELD" && this.held.has(seatNumber) ? "MINE" : status;
  }

  summary(section) {
    const left = section.availableSeats;
    return { price: this.price(section), left: left > 0 ? t("map.free", { n: left }) : t("map.none"), isSoldOut: left === 0 };
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
      this.sections.map((section) => h("option", { value: section.name }, `${section.name} · ${this.price(section)}`)));
    const button = asyncButton(h("button", { type: "button", class: "button", "data-testid": "best-available" }, icon("spark"), t("seats.best")), () =>
      this.hold({ bestAvailable: { count: Number(count.value), ...(where.value && { section: where.value }) } }));
    return h("section", { class: "panel best", "aria-labelledby": "best-title" },
      h("div", {}, h("h2", { id: "best-title" }, t("seats.best_title")), h("p", { class: "quiet-text" }, t("seats.best_text"))),
      h("div", { class: "best-form" },
        most > 1 && h("label", {}, h("span", {}, t("seats.how_many")), count),
        this.sections.length > 1 && h("label", {}, h("span", {}, t("seats.where")), where),
        button));
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
        sections: this.sections,
        describe: (seat, state) => this.describe(seat.number, state),
        summary: (section) => this.summary(section),
        onPick: (seatNumber) => this.pick(seatNumber),
        // Sections that have come into view. Those that were loaded are refreshed with the others.
        onLook: () => { if (this.isLarge && this.wanted().some((section) => !section.loadedAt)) this.refresh(false); },
        signal: this.mapSignal.signal,
      });
      put(this.stage, this.map.element);
      for (const seatNumber of this.states.keys()) this.map.set(seatNumber, this.shown(seatNumber));
    } else {
      this.listed = null;
      put(this.stage, h("div", { class: "seat-list" }, this.sections.map((section) => this.listSection(section))));
    }
  }

  listSection(section) {
    const count = h("span", { class: "left" });
    const rows = h("div", { class: "list-rows" });
    const details = h("details", { open: this.sections.length === 1 }, h("summary", {}, h("b", {}, sectionName(section.name)), " ", this.price(section), " ", count), rows);
    const draw = () => {
      const seats = [];
      for (let seat = section.first; seat <= section.last; seat += 1) if (["AVAILABLE", "SELECTED", "MINE"].includes(this.shown(seat))) seats.push(seat);
      section.isOpen = details.open;
      setText(count, t("left.seats", { n: section.availableSeats, total: number(section.seats) }));
      if (!details.open) return;
      const focused = document.activeElement?.dataset?.seat;
      const byRow = groupBy(seats, (seat) => this.seat(seat).rowLabel);
      put(rows, seats.length === 0 && h("p", {}, t("seats.none")), [...byRow].map(([row, seats]) => h("div", { class: "list-row", role: "group", "aria-label": row ? t("row", { row }) : sectionName(section.name) },
        row && h("span", { class: "row-name" }, t("row", { row })),
        h("div", { class: "list-seats" }, seats.map((seat) => h("button", { type: "button", class: "list-seat", "data-seat": seat, "aria-pressed": String(this.chosen.has(seat)), disabled: this.shown(seat) === "MINE", onclick: () => this.pick(seat) }, this.seat(seat).seatLabel, h("span", { class: "unseen" }, ` ${this.describe(seat, this.shown(seat))}`)))))));
      if (focused) rows.querySelector(`[data-seat="${focused}"]`)?.focus();
    };
    details.addEventListener("toggle", () => {
      draw();
      if (this.isLarge && details.open && !section.loadedAt) this.refresh(false);
    });
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

  /** What a seat, or a seat of a section, costs with its fee, as text. */
  price({ price }) {
    return money(ticketPrice(this.event, price), this.event.currency);
  }

  /** The prices of the chosen seats, without fees. */
  prices() {
    return [...this.chosen].map((seat) => this.seat(seat).price);
  }

  total() {
    return orderTotal(this.event, this.prices());
  }

  drawTray() {
    const { event } = this;
    const seats = [...this.chosen].sort((a, b) => a - b);
    session.set(this.draft, seats);
    const heading = h("h2", { id: "tray-title" }, t("seats.chosen"));
    const fee = orderFee(event, this.prices());
    this.tray.classList.toggle("filled", seats.length > 0);
    if (seats.length === 0) {
      put(this.tray, heading, h("p", { class: "quiet-text" }, t("seats.choose", { n: event.maxSeatsPerUser })));
      return;
    }
    put(this.tray, heading,
      h("ul", { class: "chosen" }, seats.map((seat) => h("li", {}, h("span", {}, seatName(this.seat(seat))), h("b", {}, this.price(this.seat(seat))),
        h("button", { type: "button", class: "remove", "aria-label": t("seats.give_back", { seat: seatName(this.seat(seat)) }), onclick: () => this.pick(seat) }, "×")))),
      h("p", { class: "total" }, h("span", {}, t("total")), h("b", {}, money(this.total(), event.currency), fee > 0 && h("small", { class: "order-fee" }, t("fees.with_order", { fee: money(fee, event.currency) })))),
      feeNote(event),
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
      if (this.signal.aborted) return;
      handOver(reservation, event);
      go("tickets", reservation.reservationId);
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
      h("ul", { "aria-label": t("legend.prices") }, this.sections.map((section, i) => h("li", {}, swatch("AVAILABLE", `tint-${i % 6}`), h("span", {}, section.name, " ", h("b", {}, this.price(section)))))),
      h("ul", { "aria-label": t("legend.states") }, ["SELECTED", "MINE", "HELD", "SOLD"].map((state) => h("li", {}, swatch(state), h("span", {}, t(`seat.${state}`))))),
      h("p", { class: "quiet-text" }, t("map.help")));
  }
}

/** What the map depends on: sections without how many of their seats are free. */
function shape(sections) {
  return JSON.stringify(sections.map(({ availableSeats, ...rest }) => rest));
}

function groupBy(items, of) {
  const groups = new Map();
  for (const item of items) groups.set(of(item), [...(groups.get(of(item)) ?? []), item]);
  return groups;
}

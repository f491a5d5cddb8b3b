// The ticket of one seat, to be shown at the entrance: a large code on white, and the seat as an usher says it.

import { go, href, redirect } from "./address.js";
import { announce, h, icon, put } from "./dom.js";
import { keptTicket, loadTicket } from "./kept-tickets.js";
import { t } from "./i18n.js";
import { changedPlans, whenText } from "./purchase.js";
import { seatName } from "./seating.js";
import { codeImage, codeText } from "./ticket-code.js";
import { backLink, notice, setTitle, skeleton } from "./ui.js";

/** A movement of the finger of at least this many pixels, more sideways than up or down, turns the page. */
const SWIPE_PX = 50;

export async function show(root, { params: [id, number], signal }) {
  put(root, skeleton(5));
  // At the entrance, seconds count: a kept ticket is shown at once, and then checked.
  const kept = keptTicket(id);
  const page = kept && new TicketPage(root, kept, number, signal);
  page?.draw();
  const loaded = await loadTicket(id, signal);
  if (signal.aborted) return;
  if (loaded.reservation.status !== "CONFIRMED") {
    redirect("tickets", id);
    return;
  }
  if (page) page.update(loaded);
  else new TicketPage(root, loaded, number, signal).draw();
  keepScreenOn(signal);
}

class TicketPage {
  constructor(root, { reservation, event, isFresh = true }, number, signal) {
    Object.assign(this, { root, reservation, event, isFresh, signal });
    this.seats = reservation.seats;
    this.at = this.seats.findIndex((seat) => String(seat.seatNumber) === number);
    this.start = null;
    root.addEventListener("touchstart", ({ touches: [touch] }) => { this.start = touch; }, { passive: true, signal });
    root.addEventListener("touchend", ({ changedTouches: [touch] }) => this.swiped(touch), { signal });
    document.addEventListener("keydown", ({ key, target }) => {
      if (target.closest?.("input, textarea, dialog")) return;
      if (key === "ArrowRight") this.turnTo(this.at + 1);
      if (key === "ArrowLeft") this.turnTo(this.at - 1);
    }, { signal });
  }

  swiped(end) {
    if (!this.start) return;
    const across = end.clientX - this.start.clientX;
    const along = end.clientY - this.start.clientY;
    this.start = null;
    if (Math.abs(across) < SWIPE_PX || Math.abs(across) < 2 * Math.abs(along)) return;
    this.turnTo(this.at + (across < 0 ? 1 : -1));
  }

  /** What the API said replaces what was kept. The page is drawn again only if it differs. */
  update({ reservation, event, isFresh }) {
    const shown = () => JSON.stringify([this.seats, this.isFresh, this.reservation.startsAt, this.reservation.cancelledAt]);
    const before = shown();
    const { seatNumber } = this.seats[this.at] ?? {};
    Object.assign(this, { reservation, event, isFresh });
    this.seats = reservation.seats;
    this.at = this.seats.findIndex((seat) => seat.seatNumber === seatNumber);
    if (shown() !== before) this.draw();
  }

  turnTo(index) {
    const seat = this.seats[index];
    if (!seat) return;
    this.at = index;
    // Not a new entry for each seat: back leads to the whole reservation.
    history.replaceState(null, "", href("tickets", this.reservation.reservationId, String(seat.seatNumber)));
    this.draw();
    announce(`${seatName(seat)}. ${this.position()}`);
  }

  position() {
    return t("pass.position", { n: this.at + 1, of: this.seats.length });
  }

  draw() {
    const { reservation, event } = this;
    const seat = this.seats[this.at];
    if (!seat) {
      go("tickets", reservation.reservationId);
      return;
    }
    setTitle(`${seatName(seat)} · ${reservation.eventName}`);
    const turn = (name, to, label) => h("button", {
      type: "button", class: "button quiet", "data-testid": name, disabled: !this.seats[to],
      onclick: () => {
        this.turnTo(to);
        // The button that was pressed may be gone or disabled now.
        (this.root.querySelector(`[data-testid=${name}]:not(:disabled)`) ?? this.root.querySelector(".turns button:not(:disabled)"))?.focus();
      },
    }, label);
    const venue = reservation.venue ?? event?.venue;
    put(this.root,
      backLink(t("pass.all"), "tickets", reservation.reservationId),
      !this.isFresh && notice(t("ticket.stored")),
      changedPlans(reservation, event),
      h("article", { class: "pass", "aria-labelledby": "pass-seat" },
        h("p", { class: "pass-event" }, reservation.eventName),
        h("h1", { id: "pass-seat" }, seatName(seat)),
        codeImage(codeText(reservation, seat), t("pass.code", { seat: seatName(seat) })),
        h("p", { class: "pass-when" }, [whenText(reservation, event), venue].filter(Boolean).join(" · ")),
        h("p", { class: "ticket-id" }, codeText(reservation, seat))),
      this.seats.length > 1 && h("div", { class: "turns" },
        turn("previous", this.at - 1, [icon("back"), t("pass.previous")]),
        h("p", {}, this.position()),
        turn("next", this.at + 1, [t("pass.next"), icon("next")])));
  }
}

/** Keeps the screen from going dark while the code is shown, where the browser can. */
function keepScreenOn(signal) {
  if (!navigator.wakeLock) return;
  let lock = null;
  const take = () => {
    if (document.visibilityState === "visible" && !signal.aborted) navigator.wakeLock.request("screen").then((it) => { lock = it; if (signal.aborted) it.release(); }, () => {});
  };
  document.addEventListener("visibilitychange", take, { signal });
  signal.addEventListener("abort", () => lock?.release());
  take();
}

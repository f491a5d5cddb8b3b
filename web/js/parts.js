// What several views show alike.

import { isPassing } from "./api.js";
import { eachSecond, secondsUntil } from "./clock.js";
import { alarm, announce, h, icon, put, say } from "./dom.js";
import { clock, dayAndTime, has, money, t } from "./i18n.js";
import { signInAt } from "./identity.js";
import { get, keys, remove, set } from "./store.js";

export function title(text) {
  document.title = text ? `${text} · Boxoffice` : "Boxoffice";
}

export const href = (...segments) => "#/" + segments.map(encodeURIComponent).join("/");

export function go(...segments) {
  location.hash = href(...segments);
}

/** The same, but the way back does not lead here again. */
export function instead(...segments) {
  location.replace(href(...segments));
}

/** What a refusal means for the person who meets it. */
export function errorText(error, values = {}) {
  const fields = error.fields ?? {};
  const key = `error.${error.code}`;
  if (!has(key)) return t("error.unexpected");
  return t(key, { seat: fields.seatNumber ?? "", most: fields.maxSeatsPerUser ?? "", ...values });
}

/** Whether the same may go better a moment later. */
const mayPass = (error) => isPassing(error) || !has(`error.${error.code}`) || error.code === "unexpected";

/** A panel for what went wrong, with what to do next: `again` only where that may help. */
export function trouble(error, again, ...more) {
  const text = errorText(error);
  return h("div", { class: "notice bad", role: "alert", "data-testid": "problem", "data-code": error.code ?? "" },
    icon("warn"),
    h("div", {},
      h("p", {}, text),
      h("div", { class: "actions" },
        error.code === "sign_in" && signInAt && h("a", { class: "button small", href: `${signInAt}?return=${encodeURIComponent(location.hash)}` }, t("sign_in")),
        again && mayPass(error) && h("button", { type: "button", class: "button small", onclick: again }, t("again")),
        more)));
}

export function notice(text, kind = "") {
  return h("div", { class: `notice ${kind}` }, icon(kind === "good" ? "check" : "spark"), h("p", {}, text));
}

/** Grey shapes where something will be. */
export function skeleton(lines = 3) {
  return h("div", { class: "skeleton", role: "status" },
    h("span", { class: "unseen" }, t("loading")),
    Array.from({ length: lines }, () => h("div", { "aria-hidden": "true" })));
}

export function empty(name, heading, text, ...actions) {
  return h("div", { class: "empty" }, icon(name), heading && h("h2", {}, heading), h("p", {}, text), h("div", { class: "actions" }, actions));
}

export function back(text, ...segments) {
  return h("a", { class: "back", href: href(...segments) }, icon("back"), text);
}

const STATES = { OPEN: "check", NOT_OPEN: "clock", PAUSED: "pause", CLOSED: "lock" };

/** On sale, not yet, paused, over: in words and with a picture, never by colour alone. */
export function stateChip(state) {
  return h("span", { class: `chip state-${state.toLowerCase()}` }, icon(STATES[state] ?? "clock"), t(`state.${state}`));
}

/** A button that does one thing at a time, and says that it is at it. */
export function doing(button, work) {
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    try {
      await work();
    } finally {
      button.removeAttribute("aria-busy");
      button.disabled = false;
    }
  });
  return button;
}

const SPOKEN = [300, 120, 60, 30, 10];

/** A clock that counts down to an instant, seen each second and heard now and then. */
export function countdown(instant, signal, { label, onZero } = {}) {
  const face = h("span", { class: "clock", role: "timer", "aria-label": label }, "");
  let spoken = Infinity;
  let ended = false;
  eachSecond(() => {
    if (ended) return;
    const left = secondsUntil(typeof instant === "function" ? instant() : instant);
    say(face, clock(left));
    face.classList.toggle("soon", left <= 60);
    const mark = SPOKEN.find((mark) => left <= mark && left > mark - 2);
    if (mark && mark !== spoken && label) {
      spoken = mark;
      announce(t("clock.left", { label, time: clock(left) }));
    }
    if (left <= 0) {
      ended = true;
      onZero?.();
    }
  }, signal);
  return face;
}

/** A row of a section, as people say it: "R, row 2, seat 47". */
export function seatName(seat) {
  return seat.row
    ? t("seat.in_row", { section: seat.section, row: String(seat.row), seat: String(seat.seatNumber) })
    : t("seat.plain", { section: seat.section, seat: String(seat.seatNumber) });
}

/** The row of a seat: the front rows are one seat longer where the seats do not divide. */
export function rowOf(section, first, number) {
  if (!section.rows) return undefined;
  const short = Math.floor(section.seats / section.rows);
  const longer = section.seats % section.rows;
  const index = number - first;
  return index < longer * (short + 1)
    ? Math.floor(index / (short + 1)) + 1
    : longer + Math.floor((index - longer * (short + 1)) / short) + 1;
}

/** The sections of a date with their first seat numbers: seats are numbered through, section after section. */
export function numbered(sections) {
  let first = 1;
  return sections.map((section, index) => {
    const it = { ...section, index, first, last: first + section.seats - 1 };
    first += section.seats;
    return it;
  });
}

export function amount(reservationOrPrice, currency) {
  return reservationOrPrice === 0 ? t("free") : money(reservationOrPrice, currency);
}

export function when(startsAt, date) {
  return startsAt ? dayAndTime(startsAt) : String(date ?? "").replace("T", " ");
}

// --- holds: what still has to be paid, wherever one is

export function noteHold(reservation) {
  const key = `hold.${reservation.reservationId}`;
  if (reservation.status === "HELD") set(key, { until: reservation.heldUntil, name: reservation.eventName, event: reservation.eventId });
  else if (get(key)) remove(key);
}

export function dropHold(id) {
  if (get(`hold.${id}`)) remove(`hold.${id}`);
}

export function holds() {
  return keys("hold.").flatMap((key) => {
    const hold = get(key);
    if (!hold || secondsUntil(hold.until) <= 0) {
      remove(key);
      return [];
    }
    return [{ id: key.slice("hold.".length), ...hold }];
  });
}

/** Says it to everybody: on the page, and to screen readers at once. */
export function shout(element, error) {
  put(element, trouble(error));
  alarm(errorText(error));
}

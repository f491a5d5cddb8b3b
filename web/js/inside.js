// What the shop's views share: the clock of the turn, and what to do when the box office says that it is not one's turn.

import * as api from "./api.js";
import { h, icon, put } from "./dom.js";
import { t } from "./i18n.js";
import { enter, isInside, over, place, watchPlace } from "./line.js";
import { countdown, doing, go, href, instead, trouble } from "./parts.js";

/** How long the turn lasts, above everything that is done in it. */
export function turnBar(event, signal, onOver) {
  const bar = h("p", { class: "turn-bar" });
  let shown = null;
  const draw = () => {
    const line = place(event.eventId);
    if (line?.status !== "ACTIVE") {
      if (shown !== null && line?.status === "EXPIRED") onOver?.();
      shown = null;
      put(bar);
      return;
    }
    if (shown === line.expiresAt) return;
    shown = line.expiresAt;
    put(bar, icon("clock"), h("span", {}, t("turn.left")), " ",
      countdown(() => place(event.eventId)?.expiresAt ?? line.expiresAt, signal, { label: t("turn.left"), onZero: () => over(event.eventId) }));
  };
  draw();
  watchPlace(event.eventId, draw, signal);
  return bar;
}

/** Whether one is inside; otherwise one is sent to where one gets in. */
export function isAllowedIn(event) {
  if (isInside(event)) return true;
  instead("events", event, ...(place(event) ? ["line"] : []));
  return false;
}

/** The panel for a refusal in the shop; the codes of the queue lead back to it. */
export function refusal(error, event, again) {
  switch (error.code) {
    case "not_admitted":
      return trouble(error, null, h("a", { class: "button small", href: href("events", event, "line") }, t("way.to_line")));
    case "turn_over":
    case "hold_expired":
    case "token_missing":
    case "token_invalid":
      if (error.code !== "hold_expired") over(event);
      return trouble(error, null, rejoin(event));
    case "already_reserved":
      return trouble(error, null, h("a", { class: "button small", href: href("reservations", error.fields.reservationId ?? "") }, t("to_reservation")));
    case "insufficient_balance":
      return trouble(error, null, h("a", { class: "button small", href: href("wallet") }, t("nav.wallet")));
    case "sold_out":
    case "date_not_found":
      return trouble(error, null, h("a", { class: "button small", href: href("events", event, "shop") }, t("other_dates")));
    case "not_open":
    case "wrong_admission":
      return trouble(error, null, h("a", { class: "button small", href: href("events", event) }, t("to_event")));
    default:
      return trouble(error, again);
  }
}

/** Instead of what one was choosing from, when the turn has ended. */
export function overPanel(event) {
  return h("div", { class: "panel", "data-testid": "turn-over" },
    h("h2", {}, t("room.over")), h("p", {}, t("room.over_text")), h("div", { class: "actions" }, rejoin(event)));
}

function rejoin(event) {
  const problem = h("span", {});
  const button = doing(h("button", { type: "button", class: "button small" }, t("room.again")), async () => {
    try {
      await enter(event);
      go("events", event, isInside(event) ? "shop" : "line");
    } catch (error) {
      put(problem, trouble(error));
    }
  });
  return [button, problem];
}

/** A hold of one's own for the event that this page has forgotten: the click was heard, the answer was not. */
export async function findHolds(event, note, signal) {
  try {
    const { reservations } = await api.listReservations({ signal });
    for (const reservation of reservations.filter((it) => it.eventId === event && it.status === "HELD")) note(reservation);
  } catch {
    // It is only to help.
  }
}

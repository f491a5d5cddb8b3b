// What the views of a turn share: the countdown of the turn, and what to show when the API says that it is not the user's turn.

import { go, href, redirect } from "./address.js";
import * as api from "./api.js";
import { shopAddress } from "./chosen-date.js";
import { alarm, h, icon, put } from "./dom.js";
import { t } from "./i18n.js";
import { endTurn, hasTurn, joinQueue, placeIn, watchPlace } from "./queue.js";
import { asyncButton, countdown, errorPanel } from "./ui.js";

/** The countdown of the turn, shown at the top of its views. */
export function turnBar(event, signal, onOver) {
  const bar = h("p", { class: "turn-bar" });
  let shown = null;
  const draw = () => {
    const place = placeIn(event.eventId);
    if (place?.status !== "ACTIVE") {
      if (shown !== null && place?.status === "EXPIRED") {
        alarm(t("room.over"));
        onOver?.();
      }
      shown = null;
      put(bar);
      return;
    }
    if (shown === place.expiresAt) return;
    shown = place.expiresAt;
    put(bar, icon("clock"), h("span", {}, t("turn.left")), " ",
      countdown(() => placeIn(event.eventId)?.expiresAt ?? place.expiresAt, signal, { label: t("turn.left"), onZero: () => endTurn(event.eventId) }));
  };
  draw();
  watchPlace(event.eventId, draw, signal);
  return bar;
}

/** Returns whether it is the user's turn; otherwise redirects to the waiting room or to the event. */
export function requireTurn(event) {
  if (hasTurn(event)) return true;
  redirect("e", event, ...(placeIn(event) ? ["line"] : []));
  return false;
}

/** The panel for a refusal during a turn, with a link to what the user can do next. */
export function refusalPanel(error, event, again) {
  switch (error.code) {
    case "not_admitted":
      return errorPanel(error, null, h("a", { class: "button small", href: href("e", event, "line") }, t("way.to_line")));
    case "turn_over":
    case "hold_expired":
    case "token_missing":
    case "token_invalid":
      if (error.code !== "hold_expired") endTurn(event);
      return errorPanel(error, null, rejoin(event));
    case "already_reserved":
      return errorPanel(error, null, h("a", { class: "button small", href: href("tickets", error.fields.reservationId ?? "") }, t("to_reservation")));
    case "sold_out":
    case "date_not_found":
      return errorPanel(error, null, h("a", { class: "button small", href: href("e", event, "shop") }, t("other_dates")));
    case "not_open":
    case "wrong_admission":
      return errorPanel(error, null, h("a", { class: "button small", href: href("e", event) }, t("to_event")));
    default:
      return errorPanel(error, again);
  }
}

/** Replaces the choice of seats when the turn has ended. */
export function turnOverPanel(event) {
  return h("div", { class: "panel", "data-testid": "turn-over" },
    h("h2", {}, t("room.over")), h("p", {}, t("room.over_text")),
    h("div", { class: "actions" }, rejoin(event), h("a", { class: "button small quiet", href: href("tickets") }, t("nav.tickets"))));
}

function rejoin(event) {
  const problem = h("span", {});
  const button = asyncButton(h("button", { type: "button", class: "button small" }, t("room.again")), async () => {
    try {
      await joinQueue(event);
      if (button.isConnected) go(...(hasTurn(event) ? shopAddress(event) : ["e", event, "line"]));
    } catch (error) {
      put(problem, errorPanel(error));
    }
  });
  return [button, problem];
}

/** Finds the user's unpaid holds for the event that this browser does not know of because the answer was lost. */
export async function findHolds(event, remember, signal) {
  try {
    const { reservations } = await api.listReservations({ signal });
    for (const reservation of reservations.filter((it) => it.eventId === event && it.status === "HELD")) remember(reservation);
  } catch {
    // Not needed for the view to work.
  }
}

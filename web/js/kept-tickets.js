// Tickets that this browser keeps, so that they open without a network, e.g. at the entrance, also after the token has expired.

import * as api from "./api.js";
import { isTransient } from "./network.js";
import { currencyOf, returnableUntil, startOf, zoneOf } from "./purchase.js";
import { get, keys, remove, set } from "./storage.js";

const PREFIX = "reservation.";
/** More than this, and the oldest are forgotten: the browser's storage is small. */
const MOST = 100;
/** Without these, the browser cannot ask for the ticket, but may still show it. */
const UNIDENTIFIED = ["token_missing", "token_invalid", "sign_in"];

/** Whether a kept ticket can stand in for the answer that failed. */
export const canStandIn = (error) => isTransient(error) || UNIDENTIFIED.includes(error.code);

/** The kept ticket {reservation, event}, or null. */
export const keptTicket = (id) => get(PREFIX + id);

/** All kept tickets, newest first. */
export const keptTickets = () => keys(PREFIX).map(get).filter(Boolean)
  .sort((a, b) => (a.reservation.createdAt < b.reservation.createdAt ? 1 : -1));

/** Keeps a paid ticket, and forgets one that is not paid any more. Of the event, only what a ticket shows. */
export function keepTicket(reservation, event) {
  const key = PREFIX + reservation.reservationId;
  if (reservation.status !== "CONFIRMED") {
    if (get(key)) remove(key);
    return;
  }
  const date = event?.dates?.find((it) => it.date === reservation.date);
  const shown = event && {
    eventId: event.eventId,
    address: event.address,
    image: event.image,
    durationMinutes: event.durationMinutes,
    doorsOpenAt: date?.doorsOpenAt ?? event.doorsOpenAt,
  };
  const kept = {
    reservation: {
      ...reservation,
      startsAt: startOf(reservation, event),
      cancelUntil: returnableUntil(reservation, event),
      venue: reservation.venue ?? event?.venue,
      timeZone: zoneOf(reservation, event),
      currency: currencyOf(reservation, event),
    },
    event: shown ?? get(key)?.event ?? null,
  };
  if (JSON.stringify(get(key)) !== JSON.stringify(kept)) set(key, kept);
  for (const { reservation: old } of keptTickets().slice(MOST)) remove(PREFIX + old.reservationId);
}

/** A reservation that the API has just answered with, and its event. */
let handedOver = null;

/** Lets the next view show this reservation without a request. */
export function handOver(reservation, event) {
  handedOver = { reservation, event };
}

/** Loads a reservation with its event. If that fails, returns the kept ticket. */
export async function loadTicket(id, signal) {
  const given = handedOver;
  handedOver = null;
  if (given?.reservation.reservationId === id) return { ...given, isFresh: true };
  const before = keptTicket(id);
  if (before && navigator.onLine === false) return { ...before, isFresh: false };
  const options = { signal, ...(before && { attempts: 2 }) };
  try {
    const reservation = await api.getReservation(id, options);
    const event = await api.getEvent(reservation.eventId, options).catch(() => before?.event ?? null);
    keepTicket(reservation, event);
    return { reservation, event, isFresh: true };
  } catch (error) {
    if (before && canStandIn(error)) return { ...before, isFresh: false };
    throw error;
  }
}

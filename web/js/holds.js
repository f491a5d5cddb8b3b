// The user's unpaid holds, in the browser's storage, so that every view can remind the user to pay.

import { secondsUntil } from "./clock.js";
import { get, keys, remove, set } from "./storage.js";

/** Stores the hold if the reservation is unpaid, otherwise forgets it. */
export function rememberHold(reservation) {
  const key = `hold.${reservation.reservationId}`;
  if (reservation.status === "HELD") set(key, { until: reservation.heldUntil, name: reservation.eventName, event: reservation.eventId });
  else if (get(key)) remove(key);
}

export function forgetHold(id) {
  if (get(`hold.${id}`)) remove(`hold.${id}`);
}

/** The holds whose time to pay is not over. */
export function pendingHolds() {
  return keys("hold.").flatMap((key) => {
    const hold = get(key);
    if (!hold || secondsUntil(hold.until) <= 0) {
      remove(key);
      return [];
    }
    return [{ id: key.slice("hold.".length), ...hold }];
  });
}

// The date that the user has chosen on the page of an event. It is remembered through the queue.

import { get, remove, set } from "./storage.js";

const key = (event) => `date.${event}`;

/** The chosen date, or null. */
export const chosenDate = (event) => get(key(event));

export function chooseDate(event, date) {
  if (date) set(key(event), date);
  else remove(key(event));
}

/** The address of the shop during a turn: the seats of the chosen date, or the choice of a date. */
export const shopAddress = (event) => ["e", event, "shop", ...(chosenDate(event) ? [chosenDate(event)] : [])];

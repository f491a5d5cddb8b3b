// Names and numbers of seats: sections, rows and seat numbers.

import { t } from "./i18n.js";

/** The name of a seat: "R, row 2, seat 47". */
export function seatName(seat) {
  return seat.row
    ? t("seat.in_row", { section: seat.section, row: String(seat.row), seat: String(seat.seatNumber) })
    : t("seat.plain", { section: seat.section, seat: String(seat.seatNumber) });
}

/** The row of a seat. If the seats do not divide evenly, the front rows are one seat longer. */
export function rowOf(section, first, number) {
  if (!section.rows) return undefined;
  const short = Math.floor(section.seats / section.rows);
  const longer = section.seats % section.rows;
  const index = number - first;
  return index < longer * (short + 1)
    ? Math.floor(index / (short + 1)) + 1
    : longer + Math.floor((index - longer * (short + 1)) / short) + 1;
}

/** Adds index, first and last seat number to the sections of a date. Seats are numbered consecutively through all sections. */
export function withSeatRanges(sections) {
  let first = 1;
  return sections.map((section, index) => {
    const it = { ...section, index, first, last: first + section.seats - 1 };
    first += section.seats;
    return it;
  });
}

// How seats are arranged and what they are called, as an usher says it. The same rules as in domain/src/seating.rs.

import { t } from "./i18n.js";

/** Grades such as R, S or VIP, and numbered or lettered areas. Longer names, such as Balcony, need no word before them. */
const GRADE = /^[A-Z]{1,4}$/;
const AREA = /^([A-Z]?\d{1,4}|[가-하])$/;

/** The name of a section: "Section R", "Balcony". */
export function sectionName(name) {
  if (GRADE.test(name)) return t("section.grade", { name });
  return AREA.test(name) ? t("section.area", { name }) : name;
}

/** The name of a seat: "Section R, row C, seat 12". `seat` is one of a reservation, of a seat list, or from `seatOf`. */
export function seatName(seat) {
  // Reservations that were made before seats had labels name the seat number, which was on the ticket then.
  const label = seat.seatLabel ?? String(seat.seatNumber);
  const section = sectionName(seat.section);
  return seat.rowLabel ? t("seat.in_row", { section, row: seat.rowLabel, seat: label }) : t("seat.plain", { section, seat: label });
}

/**
 * The sections of a date with what follows from them: `index`, `first` and `last` seat number (seats are numbered consecutively
 * through all sections), and `plan`, the rows from the front: {first (seats of the section before the row), length, label
 * (undefined if the section has no rows)}.
 */
export function arrange(sections) {
  let first = 1;
  return sections.map((section, index) => {
    const it = { ...section, index, first, last: first + section.seats - 1, plan: rows(section) };
    first += section.seats;
    return it;
  });
}

function rows({ seats, rows: count, rowLengths, rowLabels }) {
  const short = Math.floor(seats / (count ?? 1));
  const longer = seats % (count ?? 1);
  let first = 0;
  return Array.from({ length: count ?? 1 }, (_, row) => {
    const length = rowLengths?.[row] ?? short + (row < longer ? 1 : 0);
    const it = { first, length, label: count ? rowLabels?.[row] ?? String(row + 1) : undefined };
    first += length;
    return it;
  });
}

/** After how many seats of a row there is an aisle, ascending. Shorter rows are centred, so that aisles are straight. */
export function aislesOf(section, row) {
  const longest = Math.max(...section.plan.map((it) => it.length));
  const indent = Math.floor((longest - row.length) / 2);
  return (section.aisles ?? []).map((after) => after - indent).filter((after) => after > 0 && after < row.length);
}

/** A seat of an arranged section: {seatNumber, section, row (counted from 1), column (seats to its left), rowLabel, seatLabel, price}. */
export function seatOf(section, seatNumber) {
  const at = seatNumber - section.first;
  const { plan } = section;
  let low = 0;
  for (let high = plan.length - 1; low < high;) {
    const middle = Math.ceil((low + high) / 2);
    if (plan[middle].first <= at) low = middle;
    else high = middle - 1;
  }
  const column = at - plan[low].first;
  return {
    seatNumber, section: section.name, row: section.rows ? low + 1 : undefined, column, price: section.price,
    rowLabel: plan[low].label,
    seatLabel: String(section.numbering ? chairNumber(section.numbering, column, plan[low].length) : seatNumber),
  };
}

/** The number of the chair with `column` chairs to its left. */
function chairNumber({ from, start, skip = [] }, column, length) {
  const nth = (first, step, n) => skip.reduce(
    (number, skipped) => (skipped >= first && (skipped - first) % step === 0 && skipped <= number ? number + step : number), first + step * n);
  if (from === "left") return nth(start, 1, column);
  if (from === "right") return nth(start, 1, length - 1 - column);
  const odd = start + (start % 2 === 0 ? 1 : 0);
  const even = start + (start % 2);
  const isOddLeft = from === "oddLeft";
  const middle = isOddLeft ? Math.ceil(length / 2) : Math.floor(length / 2);
  return column < middle
    ? nth(isOddLeft ? odd : even, 2, middle - 1 - column)
    : nth(isOddLeft ? even : odd, 2, column - middle);
}

/** Seats in few words, by section and row: "R, row 3, seats 4–5". */
export function seatsText(seats) {
  const groups = new Map();
  for (const seat of seats) {
    const key = JSON.stringify([seat.section, seat.rowLabel ?? null]);
    groups.set(key, [...(groups.get(key) ?? []), seat]);
  }
  return [...groups.values()].map((group) => {
    const [{ section, rowLabel }] = group;
    const values = { n: group.length, section, row: rowLabel, seats: ranges(group.map((seat) => String(seat.seatLabel ?? seat.seatNumber))) };
    return t(rowLabel ? "seats.in_row" : "seats.in_section", values);
  }).join("; ");
}

/** "4", "5" and "6" become "4–6"; "4" and "8" stay "4, 8". */
function ranges(labels) {
  const runs = [];
  for (const label of labels) {
    const run = runs.at(-1);
    if (run && /^\d+$/.test(label) && Number(run.at(-1)) + 1 === Number(label)) run.push(label);
    else runs.push([label]);
  }
  return runs.map((run) => (run.length === 1 ? run[0] : `${run[0]}–${run.at(-1)}`)).join(", ");
}

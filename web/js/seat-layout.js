// Computes where each seat is drawn: rows in arcs around the stage, sections one behind the other in catalogue order. No DOM.

import { seatOf } from "./seating.js";

/** Distance between neighbouring seats. Units are those of the SVG's view box. */
export const PITCH = 26;
const ROW_PITCH = 30;
/** Size of a section's label, which stands between sections. Scaled up in wide halls, which are shown smaller. */
const LABEL_SIZE = 20;
/** A section without rows is drawn in rows of at most this many seats. */
const LONGEST_DRAWN_ROW = 20;

/** The drawn rows of an arranged section: the length of each, and its label if it has one. */
function drawnRows(section) {
  if (section.rows) return section.plan;
  const count = Math.ceil(section.seats / LONGEST_DRAWN_ROW);
  const even = Math.ceil(section.seats / count);
  return Array.from({ length: count }, (_, row) => ({ length: Math.min(even, section.seats - row * even) })).filter((row) => row.length > 0);
}

/**
 * Lays out arranged sections. Returns {seats, labels, labelSize, rowMarks, stage, box}: a seat is
 * {number, label (on the chair), section (index), drawnRow (counted through the whole hall), x, y, turn (degrees, facing the stage)}.
 * `labels` are section names, `rowMarks` row labels, `box` bounds everything.
 */
export function layout(sections) {
  const widest = Math.max(1, ...sections.flatMap(drawnRows).map((row) => row.length));
  const labelSize = LABEL_SIZE * Math.max(1, widest / 20);
  const radius = Math.max(300, widest * PITCH * 0.9);
  const at = (depth, along) => {
    const angle = along / (radius + depth);
    return { x: (radius + depth) * Math.sin(angle), y: (radius + depth) * Math.cos(angle) - radius, turn: (-angle * 180) / Math.PI };
  };
  const seats = [];
  const labels = [];
  const rowMarks = [];
  let depth = 0;
  let drawnRow = 0;
  sections.forEach((section, index) => {
    labels.push({ section: index, ...at(depth + labelSize * 0.2, 0) });
    depth += labelSize * 1.5;
    let number = section.first;
    drawnRows(section).forEach(({ length: count, label }) => {
      const half = ((count - 1) * PITCH) / 2;
      for (let i = 0; i < count; i += 1) {
        seats.push({ number, label: seatOf(section, number).seatLabel, section: index, drawnRow, ...at(depth, i * PITCH - half) });
        number += 1;
      }
      if (label) {
        rowMarks.push({ text: label, ...at(depth, -half - PITCH * 0.95) }, { text: label, ...at(depth, half + PITCH * 0.95) });
      }
      depth += ROW_PITCH;
      drawnRow += 1;
    });
    depth += labelSize * 1.2 - ROW_PITCH + PITCH;
  });
  // The stage: a band in front of the first row.
  const wide = Math.min(widest * PITCH * 0.42, radius * 0.5);
  const near = -42;
  const far = -88;
  const corners = [at(near, -wide), at(near, wide), at(far, wide * 0.82), at(far, -wide * 0.82)];
  const stage = {
    path: `M${corners[0].x} ${corners[0].y}A${radius + near} ${radius + near} 0 0 0 ${corners[1].x} ${corners[1].y}L${corners[2].x} ${corners[2].y}A${radius + far} ${radius + far} 0 0 1 ${corners[3].x} ${corners[3].y}Z`,
    ...at((near + far) / 2, 0),
  };
  const xs = [...seats.map((seat) => seat.x), ...rowMarks.map((mark) => mark.x), ...corners.map((corner) => corner.x)];
  const ys = [...seats.map((seat) => seat.y), ...corners.map((corner) => corner.y), far];
  const margin = PITCH;
  const left = Math.min(...xs) - margin;
  const top = Math.min(...ys) - margin;
  return {
    seats, labels, labelSize, rowMarks, stage,
    box: { x: left, y: top, w: Math.max(...xs) + margin - left, h: Math.max(...ys) + margin - top },
  };
}

/** The seat that a key moves to; null for other keys. Up and down move to the nearest seat of the adjacent row. */
export function neighbour(seats, from, key) {
  const index = seats.indexOf(from);
  switch (key) {
    case "ArrowLeft": return seats[index - 1] ?? from;
    case "ArrowRight": return seats[index + 1] ?? from;
    case "Home": return seats.find((seat) => seat.drawnRow === from.drawnRow);
    case "End": return seats.findLast((seat) => seat.drawnRow === from.drawnRow);
    case "ArrowUp":
    case "ArrowDown": {
      const adjacent = seats.filter((seat) => seat.drawnRow === from.drawnRow + (key === "ArrowUp" ? -1 : 1));
      return adjacent.reduce((best, seat) => (Math.abs(seat.x - from.x) < Math.abs(best.x - from.x) ? seat : best), adjacent[0] ?? from);
    }
    default: return null;
  }
}

// Computes where each seat and section is drawn. Without a drawing in the catalogue, sections are in arcs around the stage, one
// behind the other. No DOM.

import { aislesOf, seatOf, sectionName } from "./seating.js";

/** Distance between neighbouring seats. Units are those of the SVG's view box. */
export const PITCH = 26;
const ROW_PITCH = 30;
const AISLE = 22;
/** Size of a section's label, which stands before its first row. */
export const LABEL_SIZE = 24;
/** A section without rows is drawn in rows of at most this many seats, like in domain/src/seating.rs. */
const LONGEST_DRAWN_ROW = 20;
/** Points along the front and the back of a section's outline. */
const OUTLINE_POINTS = 24;

/** The drawn rows of an arranged section: {first, length, label (if it has one), places (of its seats, from the middle)}. */
function drawnRows(section) {
  const even = Math.ceil(section.seats / Math.ceil(section.seats / LONGEST_DRAWN_ROW));
  const rows = section.rows ? section.plan : Array.from({ length: Math.ceil(section.seats / even) }, (_, row) => ({ first: row * even, length: Math.min(even, section.seats - row * even) }));
  return rows.map((row) => {
    const aisles = section.rows ? aislesOf(section, row) : [];
    const places = Array.from({ length: row.length }, (_, i) => i * PITCH + AISLE * aisles.filter((after) => after <= i).length);
    const half = places.at(-1) / 2;
    return { ...row, half, places: places.map((place) => place - half) };
  });
}

/** Places along arcs around a centre in front of the first row; straight lines if the radius is infinite. */
function arcs(radius) {
  if (radius === Infinity) return (depth, along) => ({ x: along, y: depth, turn: 0 });
  return (depth, along) => {
    const angle = along / (radius + depth);
    return { x: (radius + depth) * Math.sin(angle), y: (radius + depth) * Math.cos(angle) - radius, turn: (-angle * 180) / Math.PI };
  };
}

/** Places of a section with a drawing. */
function drawn({ x, y, rotate, curve }, front) {
  const at = arcs(curve > 0 ? ((2 * front + PITCH) * 180) / (Math.PI * curve) : Infinity);
  const turn = (rotate * Math.PI) / 180;
  return (depth, along) => {
    const place = at(depth, along);
    return {
      x: x * PITCH + place.x * Math.cos(turn) - place.y * Math.sin(turn),
      y: y * PITCH + place.x * Math.sin(turn) + place.y * Math.cos(turn),
      turn: place.turn + rotate,
    };
  };
}

function boxOf(points, margin) {
  const box = { x: Infinity, y: Infinity, right: -Infinity, bottom: -Infinity };
  for (const { x, y } of points) {
    box.x = Math.min(box.x, x - margin);
    box.y = Math.min(box.y, y - margin);
    box.right = Math.max(box.right, x + margin);
    box.bottom = Math.max(box.bottom, y + margin);
  }
  return { x: box.x, y: box.y, w: box.right - box.x, h: box.bottom - box.y };
}

/** Whether a point is in a polygon. */
function isInside(polygon, x, y) {
  let inside = false;
  polygon.forEach((a, i) => {
    const b = polygon[(i || polygon.length) - 1];
    if (a.y > y !== b.y > y && x < a.x + ((b.x - a.x) * (y - a.y)) / (b.y - a.y)) inside = !inside;
  });
  return inside;
}

/** About how wide a text is, in its size. Letters of Chinese, Japanese and Korean are wider. */
export function widthOf(text) {
  return [...text].reduce((width, letter) => width + (letter >= "\u1100" ? 1 : 0.6), 0);
}

/** A section's level label before its first row: the middle, and half of its width. Before a row that is turned far, it needs more room. */
function labelOf(section, at, front) {
  const text = sectionName(section.name);
  const half = (widthOf(text) * LABEL_SIZE) / 2;
  const turn = (at(front, 0).turn * Math.PI) / 180;
  const room = (LABEL_SIZE / 2) * Math.abs(Math.cos(turn)) + half * Math.abs(Math.sin(turn));
  return { text, half, ...at(front - ROW_PITCH / 2 - LABEL_SIZE / 4 - room, 0) };
}

/** Points along the upper and lower edge of a text, from its middle, at which it must be inside. */
const TEXT_EDGE = [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1];

/**
 * The largest size of a level text that fits into a polygon around a point, at most `most`. `wide` and `high` are those of the text at
 * size 1.
 */
export function fittingSize(polygon, { x, y }, wide, high, most) {
  const fits = (size) => TEXT_EDGE.every((at) => [-1, 1].every((side) => isInside(polygon, x + (at * wide * size) / 2, y + (side * high * size) / 2)));
  let low = 0;
  let top = most;
  for (let i = 0; i < 12; i += 1) {
    const size = (low + top) / 2;
    if (fits(size)) low = size;
    else top = size;
  }
  return low;
}

const path = (points) => `M${points.map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}Z`;

/**
 * Lays out arranged sections. Returns {seats, rows, blocks, stage, box}:
 * - seats: {number, index (in `seats`), label (on the chair), section (index), row (index in `rows`), column, x, y, turn (degrees,
 *   facing the stage)}
 * - rows: {section, from, to (indices in `seats`), box, marks (labels at both ends)}
 * - blocks, one for each section: {points, outline (a path through them), box, label: {text, x, y, half (of its width)}, middle}
 * - box bounds everything
 */
export function layout(sections) {
  const plans = sections.map(drawnRows);
  const stacked = plans.filter((_, index) => !sections[index].drawing);
  const widest = Math.max(PITCH * 10, ...(stacked.length > 0 ? stacked : plans).flat().map((row) => 2 * row.half + PITCH));
  const radius = Math.max(300, widest * 0.9);
  const around = arcs(radius);
  const seats = [];
  const rows = [];
  let behind = 0;
  const blocks = sections.map((section, index) => {
    const plan = plans[index];
    const front = section.drawing ? 0 : behind + LABEL_SIZE * 1.75;
    const at = section.drawing ? drawn(section.drawing, plan[0].half) : around;
    const back = front + (plan.length - 1) * ROW_PITCH;
    plan.forEach((row, order) => {
      const depth = front + order * ROW_PITCH;
      const from = seats.length;
      row.places.forEach((along, column) => {
        const number = section.first + row.first + column;
        seats.push({ number, index: seats.length, label: seatOf(section, number).seatLabel, section: index, row: rows.length, column, ...at(depth, along) });
      });
      const marks = row.label ? [-1, 1].map((side) => ({ text: row.label, ...at(depth, side * (row.half + PITCH * 0.95)) })) : [];
      rows.push({ section: index, label: row.label, from, to: seats.length, marks, box: boxOf([...seats.slice(from), ...marks], PITCH * 0.6) });
    });
    if (!section.drawing) behind = back + LABEL_SIZE * 1.2 - ROW_PITCH + PITCH;
    const side = (sign) => plan.flatMap((row, order) => {
      const depth = front + order * ROW_PITCH;
      return [depth - ROW_PITCH / 2, depth + ROW_PITCH / 2].map((edge) => at(edge, sign * (row.half + PITCH * 0.6)));
    });
    const along = (depth, half) => Array.from({ length: OUTLINE_POINTS - 1 }, (_, i) => at(depth, half * (1 - (2 * (i + 1)) / OUTLINE_POINTS)));
    const points = [...side(1), ...along(back + ROW_PITCH / 2, plan.at(-1).half), ...side(-1).reverse(), ...along(front - ROW_PITCH / 2, plan[0].half).reverse()];
    return { points, outline: path(points), box: boxOf(points, 0), label: labelOf(section, at, front), middle: at((front + back) / 2, 0) };
  });
  // The stage: a band in front of the first row.
  const wide = Math.min(widest * 0.42, radius * 0.5);
  const near = -42;
  const far = -88;
  const corners = [around(near, -wide), around(near, wide), around(far, wide * 0.82), around(far, -wide * 0.82)];
  const stage = {
    path: `M${corners[0].x} ${corners[0].y}A${radius + near} ${radius + near} 0 0 0 ${corners[1].x} ${corners[1].y}L${corners[2].x} ${corners[2].y}A${radius + far} ${radius + far} 0 0 1 ${corners[3].x} ${corners[3].y}Z`,
    ...around((near + far) / 2, 0),
  };
  const edges = blocks.flatMap(({ box }) => [box, { x: box.x + box.w, y: box.y + box.h }]);
  for (const { label } of blocks) edges.push({ x: label.x - label.half, y: label.y }, { x: label.x + label.half, y: label.y });
  return { seats, rows, blocks, stage, box: boxOf([...edges, ...rows.flatMap((row) => row.marks), ...corners, { x: 0, y: far }], PITCH) };
}

/** The seat that a key moves to; null for other keys. Up and down move to the nearest seat of the adjacent row. */
export function neighbour({ seats, rows }, from, key) {
  const row = rows[from.row];
  switch (key) {
    case "ArrowLeft": return seats[from.index - 1] ?? from;
    case "ArrowRight": return seats[from.index + 1] ?? from;
    case "Home": return seats[row.from];
    case "End": return seats[row.to - 1];
    case "ArrowUp":
    case "ArrowDown": {
      const next = rows[from.row + (key === "ArrowUp" ? -1 : 1)];
      const adjacent = next ? seats.slice(next.from, next.to) : [];
      const distance = (seat) => Math.hypot(seat.x - from.x, seat.y - from.y);
      return adjacent.reduce((best, seat) => (distance(seat) < distance(best) ? seat : best), adjacent[0] ?? from);
    }
    default: return null;
  }
}

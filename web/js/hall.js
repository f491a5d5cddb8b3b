// Where each seat is drawn: rows in arcs around the stage, sections behind each other in the catalogue's order. Pure numbers.

export const PITCH = 26;
const ROW_PITCH = 30;
/** Between sections, of which a label takes most; larger in a hall that is seen from farther. */
const LABEL_SIZE = 20;
/** Seats in rows nobody named are drawn in lines of at most so many. */
const LONGEST_LINE = 20;

/** How many seats stand in each row of a section. */
function lines(section) {
  if (section.rows) {
    const short = Math.floor(section.seats / section.rows);
    const longer = section.seats % section.rows;
    return Array.from({ length: section.rows }, (_, row) => short + (row < longer ? 1 : 0)).filter((n) => n > 0);
  }
  const count = Math.ceil(section.seats / LONGEST_LINE);
  const even = Math.ceil(section.seats / count);
  return Array.from({ length: count }, (_, line) => Math.min(even, section.seats - line * even)).filter((n) => n > 0);
}

/**
 * Sections (with `first`, their first seat number) as {seats, sections, stage, box}. A seat is {number, section (its index), line
 * (counted through the hall), row (as people call it, if they do), x, y, turn (degrees, towards the stage)}; a section's label and a row's numbers have places too.
 */
export function layout(sections) {
  const widest = Math.max(1, ...sections.flatMap(lines));
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
  let line = 0;
  sections.forEach((section, index) => {
    labels.push({ section: index, ...at(depth + labelSize * 0.2, 0) });
    depth += labelSize * 1.5;
    let number = section.first;
    lines(section).forEach((count, row) => {
      const half = ((count - 1) * PITCH) / 2;
      for (let i = 0; i < count; i += 1) {
        seats.push({ number, section: index, line, row: section.rows ? row + 1 : undefined, ...at(depth, i * PITCH - half) });
        number += 1;
      }
      if (section.rows) {
        rowMarks.push({ text: String(row + 1), ...at(depth, -half - PITCH * 0.95) }, { text: String(row + 1), ...at(depth, half + PITCH * 0.95) });
      }
      depth += ROW_PITCH;
      line += 1;
    });
    depth += labelSize * 1.2 - ROW_PITCH + PITCH;
  });
  // The stage: a band before the first row.
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

/** The seat that an arrow key leads to. Up and down go to the nearest of the next row. */
export function neighbour(seats, from, key) {
  const index = seats.indexOf(from);
  switch (key) {
    case "ArrowLeft": return seats[index - 1] ?? from;
    case "ArrowRight": return seats[index + 1] ?? from;
    case "Home": return seats.find((seat) => seat.line === from.line);
    case "End": return seats.findLast((seat) => seat.line === from.line);
    case "ArrowUp":
    case "ArrowDown": {
      const line = seats.filter((seat) => seat.line === from.line + (key === "ArrowUp" ? -1 : 1));
      return line.reduce((best, seat) => (Math.abs(seat.x - from.x) < Math.abs(best.x - from.x) ? seat : best), line[0] ?? from);
    }
    default: return null;
  }
}

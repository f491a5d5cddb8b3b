// Where the seats of a section are, row by row, as the shop's map arranges them.

/** The size of an aisle, in seats. */
const AISLE = 0.8;

/** The rows, with places in seats: [{label, y, left, right, seats: [{x, index, number, label}]}]. Rows are centred. */
export function arrange({ firstSeat, rows }) {
  let first = 0;
  return rows.map(({ label, blocks, seatLabels }, y) => {
    const wide = seatLabels.length + AISLE * (blocks.length - 1);
    const row = { label, y, left: -wide / 2, right: wide / 2, seats: [] };
    let x = row.left;
    let at = 0;
    for (const block of blocks) {
      for (let i = 0; i < block; i += 1, at += 1) {
        const index = first + at;
        row.seats.push({ x: x + i, y, index, number: firstSeat + index, label: seatLabels[at] });
      }
      x += block + AISLE;
    }
    first += seatLabels.length;
    return row;
  });
}

/** The seat at a place in seats, if there is one. */
export function seatAt(rows, x, y) {
  return rows[Math.floor(y)]?.seats.find((seat) => x >= seat.x && x < seat.x + 1);
}

/** The seats that a rectangle between two places touches. */
export function seatsBetween(rows, one, other) {
  const [left, right] = [Math.min(one.x, other.x), Math.max(one.x, other.x)];
  const [top, bottom] = [Math.floor(Math.min(one.y, other.y)), Math.floor(Math.max(one.y, other.y))];
  return rows.slice(Math.max(0, top), bottom + 1).flatMap((row) => row.seats.filter((seat) => seat.x <= right && seat.x + 1 > left));
}

/** The seat next to this one, in a direction. Above and below it is the nearest one of that row. */
export function neighbour(rows, seat, across, down) {
  const row = rows[seat.y + down];
  if (!row) return seat;
  if (across !== 0) return row.seats[row.seats.findIndex(({ index }) => index === seat.index) + across] ?? seat;
  return row.seats.reduce((best, other) => (Math.abs(other.x - seat.x) < Math.abs(best.x - seat.x) ? other : best));
}

/** Numbers in ascending order as ranges: `101–104, 125`. */
export function ranges(numbers) {
  const runs = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run && run.at(-1) + 1 === number) run.push(number);
    else runs.push([number]);
  }
  return runs.map((run) => (run.length > 1 ? `${run[0]}–${run.at(-1)}` : String(run[0]))).join(", ");
}

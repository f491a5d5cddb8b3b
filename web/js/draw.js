// The draw, computed here from what anybody can read: docs/QUEUE.md has the same in Python. So nobody has to ask the box office for
// the rank that they drew, nor to believe it.

const PROCEDURE = "boxoffice-draw-1";
const ROUNDS = 12;
const encoder = new TextEncoder();

/** Whether this browser can compute it: only on HTTPS and on this machine. */
export const canVerify = () => Boolean(globalThis.crypto?.subtle);

const bytesOf = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hexOf = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export async function commitmentOf(secret) {
  return hexOf(await crypto.subtle.digest("SHA-256", bytesOf(secret)));
}

async function hmac(key) {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return (text) => crypto.subtle.sign("HMAC", imported, encoder.encode(text));
}

function squareRoot(n) {
  let root = Math.floor(Math.sqrt(n));
  while (root * root > n) root -= 1;
  while ((root + 1) * (root + 1) <= n) root += 1;
  return root;
}

/** How far a draw has come for a number: "none" (not drawn yet), "beacon" (waits for the announced value), "drawn". */
export function progressOf(draw, lane, number) {
  const count = draw.counts?.[lane];
  if (count === undefined) return "none";
  if (number > count) return "late";
  return draw.beacon && draw.beacon.value === undefined ? "beacon" : "drawn";
}

/** The rank of a number of a lane, where it can be known. */
export async function rankOf(queue, lane, number) {
  const { draw } = queue;
  switch (progressOf(draw, lane, number)) {
    // Who came after the opening stands behind the draw, in order of arrival.
    case "late": return number;
    case "drawn": break;
    default: return null;
  }
  if (draw.procedure !== PROCEDURE) return null;
  const count = draw.counts[lane];
  const master = await hmac(bytesOf(draw.secret));
  const key = await master(`${PROCEDURE}|${queue.eventId}|${lane}|${count}|${draw.beacon?.value ?? ""}`);
  const mac = await hmac(key);
  const columns = squareRoot(Math.max(count - 1, 0)) + 1;
  const rows = Math.ceil(count / columns);
  const shift = async (turn, half, size) =>
    Number(new DataView(await mac(`${turn}|${half}`)).getBigUint64(0) % BigInt(size));
  let place = number - 1;
  // Beyond the last number: walk on. The grid has fewer surplus places than columns, so this ends.
  for (let walk = 0; walk <= columns; walk += 1) {
    let row = Math.floor(place / columns);
    let column = place % columns;
    for (let turn = 0; turn < ROUNDS; turn += 2) {
      row = (row + await shift(turn, column, rows)) % rows;
      column = (column + await shift(turn + 1, row, columns)) % columns;
    }
    place = row * columns + column;
    if (place < count) return place + 1;
  }
  return null;
}

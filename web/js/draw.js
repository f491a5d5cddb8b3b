// Computes the draw from public data, so that buyers neither have to ask the server for their rank nor to trust it.
// docs/QUEUE.md has the same procedure in Python.

const PROCEDURE = "boxoffice-draw-1";
const ROUNDS = 12;
const encoder = new TextEncoder();

/** Whether this browser can compute the draw: Web Crypto needs HTTPS or localhost. */
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

/**
 * The state of the draw for a queue number: "none" (not drawn yet), "late" (joined after the opening), "beacon" (waiting for the
 * announced random value), "drawn".
 */
export function progressOf(draw, lane, number) {
  const count = draw.counts?.[lane];
  if (count === undefined) return "none";
  if (number > count) return "late";
  return draw.beacon && draw.beacon.value === undefined ? "beacon" : "drawn";
}

/** The rank of a queue number of a lane; null if it cannot be computed (yet). */
export async function rankOf(queue, lane, number) {
  const { draw } = queue;
  switch (progressOf(draw, lane, number)) {
    // Numbers issued after the opening follow the drawn ones, in order of arrival.
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
  let cell = number - 1;
  // Cells beyond the last number are skipped by applying the permutation again. The grid has fewer such cells than columns, so the
  // walk ends.
  for (let walk = 0; walk <= columns; walk += 1) {
    let row = Math.floor(cell / columns);
    let column = cell % columns;
    for (let turn = 0; turn < ROUNDS; turn += 2) {
      row = (row + await shift(turn, column, rows)) % rows;
      column = (column + await shift(turn + 1, row, columns)) % columns;
    }
    cell = row * columns + column;
    if (cell < count) return cell + 1;
  }
  return null;
}

// The box office's time. A buyer's clock may be minutes off, and deadlines are the server's: each answer's Date header says
// between which bounds the two differ.

let least = -Infinity;
let most = Infinity;

/** Learns from an answer that was asked for at `sent` and came at `received`; a CDN may have kept it for `keptMs`. */
export function learn(date, sent, received, keptMs) {
  const server = Date.parse(date);
  if (!Number.isFinite(server)) return;
  // The header has whole seconds: the server's time was in [server, server + 1 s) some time between sent and received.
  const low = server - received;
  const high = server + 1000 + keptMs - sent;
  least = Math.max(least, low);
  most = Math.min(most, high);
  if (least > most) {
    // One of the clocks was set meanwhile.
    least = low;
    most = high;
  }
}

/** Epoch milliseconds. */
export function now() {
  return Date.now() + (Number.isFinite(least) ? Math.round((least + most) / 2) : 0);
}

/** Seconds until an instant (RFC 3339); not under 0. */
export function secondsUntil(instant) {
  return Math.max(0, (Date.parse(instant) - now()) / 1000);
}

/** Calls back at once and then each second, on the second, until the signal ends it. */
export function eachSecond(callback, signal) {
  let timer;
  const tick = () => {
    if (signal.aborted) return;
    callback();
    timer = setTimeout(tick, 1000 - (now() % 1000) + 5);
  };
  signal.addEventListener("abort", () => clearTimeout(timer));
  tick();
}

/** A promise that ends after so long, or with the signal. */
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done);
  });
}

// The server's time. The browser's clock may be minutes off, and all deadlines are in server time. The Date header of each response
// bounds the difference between the two clocks.

// Bounds of (server time - browser time), in milliseconds.
let least = -Infinity;
let most = Infinity;

/** Narrows the bounds by a response to a request of `sent`, received at `received`, that a CDN may have cached for `keptMs`. */
export function learnServerTime(date, sent, received, keptMs) {
  const server = Date.parse(date);
  if (!Number.isFinite(server)) return;
  // The header has a resolution of one second: at some time between sent and received, the server's clock was in
  // [server, server + 1 s).
  const low = server - received;
  const high = server + 1000 + keptMs - sent;
  least = Math.max(least, low);
  most = Math.min(most, high);
  if (least > most) {
    // One of the clocks has been adjusted since.
    least = low;
    most = high;
  }
}

/** The estimated server time, in epoch milliseconds. */
export function now() {
  return Date.now() + (Number.isFinite(least) ? Math.round((least + most) / 2) : 0);
}

/** Seconds until an instant (RFC 3339), at least 0. */
export function secondsUntil(instant) {
  return Math.max(0, (Date.parse(instant) - now()) / 1000);
}

/** Calls back now and then at each full second, until the signal is aborted. */
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

/** Resolves after a time, or when the signal is aborted. */
export function sleep(milliseconds, signal) {
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

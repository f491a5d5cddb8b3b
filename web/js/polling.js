// Asking again and again until something has ended, while the page can be seen.

import { sleep } from "./clock.js";

/** Asked so often at first, then less often: most payments end within the first minute. */
const PAUSES_MS = [...Array(30).fill(2000), ...Array(24).fill(5000)];
const LONG_PAUSE_MS = 15000;
/** With the pauses, this is longer than a charge can be paid. */
const MOST_LOOKS = 240;

/** Resolves when the page can be seen. */
function visible(signal) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", resolve, { once: true, signal });
    signal.addEventListener("abort", resolve, { once: true });
  });
}

/** Calls `look` until it resolves to true. Resolves to whether it has. Its errors are thrown. */
export async function poll(look, signal) {
  for (let i = 0; i < MOST_LOOKS; i += 1) {
    await visible(signal);
    if (signal.aborted) return false;
    if (await look()) return !signal.aborted;
    await sleep(PAUSES_MS[i] ?? LONG_PAUSE_MS, signal);
  }
  return false;
}

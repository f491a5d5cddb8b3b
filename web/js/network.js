// Whether the box office can be reached, and the repeating of requests until it answers.

import { sleep } from "./clock.js";

/** A bound. With the pauses between them, these attempts take at least twenty minutes. */
const MOST_ATTEMPTS = 200;
const LONGEST_BACKOFF_MS = 15000;

/** A refused or failed request. `code` is the API's problem code, `network` if no answer came, or `unexpected`. */
export class ApiError extends Error {
  constructor(code, fields = {}) {
    super(code);
    this.code = code;
    this.fields = fields;
  }
}

/** Whether a retry may succeed: the request failed, or its outcome is unknown. */
export const isTransient = (error) => error.code === "network" || [429, 503].includes(error.fields?.status);

const watchers = new Set();
/** Whether the last request was answered, whatever the answer. */
let reachable = true;
/** The requests that are being repeated, with the reason. */
const repeated = new Map();

/**
 * What to tell the user: `trouble` is null, "offline", "network" (no answers) or "busy". `action`: something that the user has started,
 * such as a payment, is not answered yet.
 */
function state() {
  const reasons = [...repeated.values()];
  const hasReason = (code) => reasons.some((reason) => reason.code === code);
  const trouble = navigator.onLine === false ? "offline" : !reachable || hasReason("network") ? "network" : reasons.length > 0 ? "busy" : null;
  return { trouble, action: reasons.some((reason) => reason.action) };
}

function notify() {
  for (const watcher of [...watchers]) watcher(state());
}

/** Calls back now and whenever the state changes. */
export function watchNetwork(callback) {
  watchers.add(callback);
  callback(state());
}

let wakeUps = new Set();

function wakeAll() {
  const sleepers = wakeUps;
  wakeUps = new Set();
  for (const wake of sleepers) wake();
}

/** Notes whether a request was answered. If it is the first answer after a failure, waiting requests are sent at once. */
export function reportNetwork(answered) {
  const isBack = answered && !reachable;
  reachable = answered;
  notify();
  if (isBack) wakeAll();
}

window.addEventListener("online", () => {
  notify();
  wakeAll();
});
window.addEventListener("offline", notify);
// The timers of a hidden page are late.
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") wakeAll(); });

/** Milliseconds to wait before the nth retry: half fixed, half random. */
export function backoff(attempt, hintSeconds = 0) {
  const longest = Math.min(LONGEST_BACKOFF_MS, 1000 * 2 ** attempt);
  return Math.max(hintSeconds * 1000, longest / 2) + Math.random() * longest / 2;
}

/** Waits before the nth retry. Without an answer, the wait ends when the network is back. */
async function pause(error, attempt, signal) {
  const nap = new AbortController();
  const wake = () => nap.abort();
  signal?.addEventListener("abort", wake);
  if (error.code === "network") wakeUps.add(wake);
  if (!signal?.aborted) await sleep(backoff(attempt, error.fields?.retryAfterSeconds), nap.signal);
  wakeUps.delete(wake);
  signal?.removeEventListener("abort", wake);
}

/**
 * Sends a request that is safe to repeat until it is answered: the only place where the shop repeats requests. `action`: the user has
 * started it, and waits for the outcome.
 */
export async function untilAnswered(send, { attempts = MOST_ATTEMPTS, signal, action = false } = {}) {
  const id = Symbol();
  try {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await send();
      } catch (error) {
        if (!isTransient(error) || attempt + 1 >= attempts || signal?.aborted) throw error;
        repeated.set(id, { code: error.code === "network" ? "network" : "busy", action });
        notify();
        await pause(error, attempt, signal);
        if (signal?.aborted) throw error;
      }
    }
  } finally {
    if (repeated.delete(id)) notify();
  }
}

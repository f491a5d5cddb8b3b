// The API: one function per endpoint, and one kind of error. What may safely be asked again is asked again, a bounded number of
// times, with growing waits and jitter.

import { learn, pause } from "./clock.js";
import { forgetProof, ownProof, proof, userId, uuid } from "./identity.js";
import { get, keys, remove, set } from "./store.js";

const TIMEOUT_MS = 30000;
/** Public answers may be a second old, and have a second more to arrive. */
const KEPT_MS = 2000;
const ATTEMPTS = 4;
const LONGEST_BACKOFF_MS = 15000;

/** A no: the API's own code, or `network` where no answer came, or `unexpected`. */
export class Refused extends Error {
  constructor(code, fields = {}) {
    super(code);
    this.code = code;
    this.fields = fields;
  }
}

// What the banner shows: whether the network answers.
const watchers = new Set();
let reachable = true;

export function watchNetwork(callback) {
  watchers.add(callback);
  callback(reachable && navigator.onLine !== false);
}

function report(now) {
  reachable = now;
  for (const watcher of watchers) watcher(reachable && navigator.onLine !== false);
}

window.addEventListener("online", () => report(true));
window.addEventListener("offline", () => report(reachable));

/** The wait before the nth new attempt: half of it certain, half of it chance. */
export function backoff(attempt, hintSeconds = 0) {
  const longest = Math.min(LONGEST_BACKOFF_MS, 1000 * 2 ** attempt);
  return Math.max(hintSeconds * 1000, longest / 2) + Math.random() * longest / 2;
}

async function once(method, path, { token, body, headers, signal } = {}) {
  const cancel = new AbortController();
  const stop = () => cancel.abort();
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  const timer = setTimeout(stop, TIMEOUT_MS);
  const sent = Date.now();
  try {
    const response = await fetch(path, {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body && { "content-type": "application/json" }),
        ...headers,
      },
      body: body && JSON.stringify(body),
      signal: cancel.signal,
      credentials: "omit",
    });
    learn(response.headers.get("date"), sent, Date.now(), response.headers.get("cache-control") === "no-store" ? 0 : KEPT_MS);
    const text = await response.text();
    report(true);
    let answer = null;
    try {
      answer = text ? JSON.parse(text) : null;
    } catch {
      // Not of ours, like a gateway's page.
    }
    if (response.ok) return answer;
    // What the gateway itself refuses bears no code.
    const code = answer?.code ?? (response.status === 429 ? "throttled" : response.status >= 500 ? "busy" : "unexpected");
    const after = Number(response.headers.get("retry-after"));
    throw new Refused(code, { ...answer, retryAfterSeconds: answer?.retryAfterSeconds ?? (after || undefined) });
  } catch (error) {
    if (error instanceof Refused || signal?.aborted) throw error;
    report(false);
    throw new Refused("network");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/** Whether it is unknown, or known not, that something was done: then asking again may help. */
export function isPassing(error) {
  return ["network", "busy", "throttled"].includes(error.code);
}

/** For what is the same however often it is asked. */
async function call(method, path, options = {}) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await once(method, path, options);
    } catch (error) {
      if (!isPassing(error) || attempt + 1 >= (options.attempts ?? ATTEMPTS) || options.signal?.aborted) throw error;
      options.onRetry?.(error);
      await pause(backoff(attempt, error.fields.retryAfterSeconds), options.signal);
    }
  }
}

const e = encodeURIComponent;

// --- anyone

export const listEvents = (options) => call("GET", "/events", options);
export async function getEvent(event, options) {
  const answer = await call("GET", `/events/${e(event)}`, options);
  if (nameOf(event) !== answer.eventName) set(`name.${event}`, answer.eventName);
  return answer;
}
/** What an event is called, as far as this browser has seen it. */
export const nameOf = (event) => get(`name.${event}`) ?? event;
export const queueStatus = (event, options) => call("GET", `/events/${e(event)}/queue`, { attempts: 1, ...options });

// --- tokens

const tokenKey = (event) => `token.${event}`;

/** This browser's token for an event, if it has not run out. */
export function tokenFor(event) {
  const kept = get(tokenKey(event));
  return kept && kept.userId === currentUser() && Date.parse(kept.expiresAt) > Date.now() + 60000 ? kept.token : null;
}

function currentUser() {
  return get("user");
}

function keepToken(event, answer) {
  if (currentUser() !== answer.userId) set("user", answer.userId);
  set(tokenKey(event), { token: answer.token, expiresAt: answer.tokenExpiresAt, userId: answer.userId });
}

export function dropToken(event) {
  remove(tokenKey(event));
}

/** The issuer's token, or any of a queue, says who one is: for wallet and tickets. */
function anyToken() {
  const own = ownProof();
  if (own) return { token: own, drop: forgetProof };
  const events = keys("token.").map((key) => key.slice("token.".length));
  return events.map((event) => ({ token: tokenFor(event), expiresAt: get(tokenKey(event))?.expiresAt, drop: () => dropToken(event) }))
    .filter((kept) => kept.token)
    .sort((a, b) => (a.expiresAt < b.expiresAt ? 1 : -1))[0] ?? null;
}

export const isKnown = () => anyToken() !== null;

/** Asks with any token; one that turns out not to be valid (any more) is forgotten and the next tried. */
async function asUser(method, path, options = {}) {
  for (;;) {
    const kept = anyToken();
    if (!kept) throw new Refused("token_missing");
    try {
      return await call(method, path(currentUser()), { ...options, token: kept.token });
    } catch (error) {
      if (error.code !== "token_invalid") throw error;
      kept.drop();
    }
  }
}

/** Takes a place in line, or finds the one that there is. */
export async function join(event) {
  const token = proof();
  try {
    const answer = await call("POST", `/events/${e(event)}/tokens`, token ? { token } : { body: { userId: userId() } });
    keepToken(event, answer);
    return answer;
  } catch (error) {
    if (!["token_missing", "token_invalid"].includes(error.code)) throw error;
    if (token) forgetProof();
    throw new Refused("sign_in");
  }
}

const withToken = (event, method, path, options) => {
  const token = tokenFor(event);
  return token ? call(method, path, { ...options, token }) : Promise.reject(new Refused("token_missing"));
};

export const tokenStatus = (event, options) =>
  withToken(event, "GET", `/events/${e(event)}/tokens/me`, { attempts: 1, ...options });
export const leave = (event) => withToken(event, "DELETE", `/events/${e(event)}/tokens/me`);

// --- inside

export const listDates = (event, options) => withToken(event, "GET", `/events/${e(event)}/dates?soldOut=true`, options);
export function listSeats(event, date, { section, cursor, ...options }) {
  const query = new URLSearchParams({ status: "all", ...(section && { section }), ...(cursor && { cursor }) });
  return withToken(event, "GET", `/events/${e(event)}/dates/${e(date)}/seats?${query}`, options);
}

/** Calls that may have been answered without our hearing it: the next attempt then meets its own reservation. */
async function making(ask) {
  let lost = false;
  try {
    return await ask({ onRetry: () => { lost = true; } });
  } catch (error) {
    if (lost && error.code === "already_reserved") return getReservation(error.fields.reservationId);
    throw error;
  }
}

export const hold = (event, body) =>
  making((options) => withToken(event, "POST", `/events/${e(event)}/holds`, { ...options, body }));
export const reserve = (event, quantity) =>
  making((options) => withToken(event, "POST", `/events/${e(event)}/reservations`, { ...options, body: { quantity } }));

// --- one's own

export const pay = (reservation) => asUser("POST", () => `/reservations/${e(reservation)}/payment`);
export const getReservation = (reservation, options) => asUser("GET", () => `/reservations/${e(reservation)}`, options);
export const cancel = (reservation) => asUser("DELETE", () => `/reservations/${e(reservation)}`);
export const balance = (options) => asUser("GET", (user) => `/users/${user}/wallet`, options);
export const listReservations = ({ cursor, ...options } = {}) =>
  asUser("GET", (user) => `/users/${user}/reservations${cursor ? `?cursor=${e(cursor)}` : ""}`, options);
export const listLedger = ({ cursor, ...options } = {}) =>
  asUser("GET", (user) => `/users/${user}/wallet/ledger${cursor ? `?cursor=${e(cursor)}` : ""}`, options);

/** The charge that was asked for and not answered yet. */
export function pendingCharge() {
  const pending = get("charge");
  return pending && pending.userId === currentUser() ? pending : null;
}

/**
 * Charges the wallet once, however often it is clicked or the page is reloaded: the key is kept until the charge has been
 * answered, and while one is unanswered there is no other.
 */
export async function charge(amount) {
  const pending = pendingCharge() ?? { key: uuid(), amount, userId: currentUser() };
  set("charge", pending);
  try {
    const answer = await asUser("POST", (user) => `/users/${user}/wallet/charges`, {
      body: { amount: pending.amount },
      headers: { "idempotency-key": pending.key },
    });
    remove("charge");
    return answer;
  } catch (error) {
    if (!isPassing(error)) remove("charge");
    throw error;
  }
}

// The API client: one function per endpoint, and one error type. Requests that are safe to repeat are retried a bounded number of
// times, with exponential backoff and jitter.

import { learnServerTime, sleep } from "./clock.js";
import { forgetIdToken, identifiedToken, idToken, userId, uuid } from "./identity.js";
import { get, keys, remove, set } from "./storage.js";

const TIMEOUT_MS = 30000;
/** Maximum age of a public (cached) answer: a second in the CDN, plus a second for delivery. */
const KEPT_MS = 2000;
const ATTEMPTS = 4;
const LONGEST_BACKOFF_MS = 15000;

/** A refused or failed request. `code` is the API's problem code, `network` if no answer came, or `unexpected`. */
export class ApiError extends Error {
  constructor(code, fields = {}) {
    super(code);
    this.code = code;
    this.fields = fields;
  }
}

// Callbacks of the banner that tells whether the network is reachable.
const watchers = new Set();
let reachable = true;

export function watchNetwork(callback) {
  watchers.add(callback);
  callback(reachable && navigator.onLine !== false);
}

function reportNetwork(now) {
  reachable = now;
  for (const watcher of watchers) watcher(reachable && navigator.onLine !== false);
}

window.addEventListener("online", () => reportNetwork(true));
window.addEventListener("offline", () => reportNetwork(reachable));

/** Milliseconds to wait before the nth retry: half fixed, half random. */
export function backoff(attempt, hintSeconds = 0) {
  const longest = Math.min(LONGEST_BACKOFF_MS, 1000 * 2 ** attempt);
  return Math.max(hintSeconds * 1000, longest / 2) + Math.random() * longest / 2;
}

async function send(method, path, { token, body, headers, signal } = {}) {
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
    learnServerTime(response.headers.get("date"), sent, Date.now(), response.headers.get("cache-control") === "no-store" ? 0 : KEPT_MS);
    const text = await response.text();
    reportNetwork(true);
    let answer = null;
    try {
      answer = text ? JSON.parse(text) : null;
    } catch {
      // Not from our API, e.g. a gateway's error page.
    }
    if (response.ok) return answer;
    // Responses from the gateway itself carry no code.
    const code = answer?.code ?? (response.status === 429 ? "throttled" : response.status >= 500 ? "busy" : "unexpected");
    const after = Number(response.headers.get("retry-after"));
    throw new ApiError(code, { ...answer, retryAfterSeconds: answer?.retryAfterSeconds ?? (after || undefined) });
  } catch (error) {
    if (error instanceof ApiError || signal?.aborted) throw error;
    reportNetwork(false);
    throw new ApiError("network");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/** Whether a retry may succeed: the request failed, or its outcome is unknown. */
export function isTransient(error) {
  return ["network", "busy", "throttled"].includes(error.code);
}

/** Sends an idempotent request, and retries it. */
async function call(method, path, options = {}) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await send(method, path, options);
    } catch (error) {
      if (!isTransient(error) || attempt + 1 >= (options.attempts ?? ATTEMPTS) || options.signal?.aborted) throw error;
      options.onRetry?.(error);
      await sleep(backoff(attempt, error.fields.retryAfterSeconds), options.signal);
    }
  }
}

const encode = encodeURIComponent;

// --- Public endpoints

export const listEvents = (options) => call("GET", "/events", options);
export async function getEvent(event, options) {
  const answer = await call("GET", `/events/${encode(event)}`, options);
  if (nameOf(event) !== answer.eventName) set(`name.${event}`, answer.eventName);
  return answer;
}
/** The event's name if this browser has seen it, otherwise its id. */
export const nameOf = (event) => get(`name.${event}`) ?? event;
export const queueStatus = (event, options) => call("GET", `/events/${encode(event)}/queue`, { attempts: 1, ...options });

// --- Queue tokens

const tokenKey = (event) => `token.${event}`;

/** This browser's queue token for an event, or null if there is none or it has expired. */
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

/** A token that identifies the user at the wallet and ticket endpoints: the issuer's ID token, or any queue token. */
function anyToken() {
  const own = identifiedToken();
  if (own) return { token: own, drop: forgetIdToken };
  const events = keys("token.").map((key) => key.slice("token.".length));
  return events.map((event) => ({ token: tokenFor(event), expiresAt: get(tokenKey(event))?.expiresAt, drop: () => dropToken(event) }))
    .filter((kept) => kept.token)
    .sort((a, b) => (a.expiresAt < b.expiresAt ? 1 : -1))[0] ?? null;
}

export const hasToken = () => anyToken() !== null;

/** Sends a request with any token. If the API rejects the token, forgets it and tries the next one. */
async function asUser(method, path, options = {}) {
  for (;;) {
    const kept = anyToken();
    if (!kept) throw new ApiError("token_missing");
    try {
      return await call(method, path(currentUser()), { ...options, token: kept.token });
    } catch (error) {
      if (error.code !== "token_invalid") throw error;
      kept.drop();
    }
  }
}

/** Joins the event's queue, or returns the existing place. */
export async function join(event) {
  const token = idToken();
  try {
    const answer = await call("POST", `/events/${encode(event)}/tokens`, token ? { token } : { body: { userId: userId() } });
    keepToken(event, answer);
    return answer;
  } catch (error) {
    if (!["token_missing", "token_invalid"].includes(error.code)) throw error;
    if (token) forgetIdToken();
    throw new ApiError("sign_in");
  }
}

const withToken = (event, method, path, options) => {
  const token = tokenFor(event);
  return token ? call(method, path, { ...options, token }) : Promise.reject(new ApiError("token_missing"));
};

export const tokenStatus = (event, options) =>
  withToken(event, "GET", `/events/${encode(event)}/tokens/me`, { attempts: 1, ...options });
export const leave = (event) => withToken(event, "DELETE", `/events/${encode(event)}/tokens/me`);

// --- During the user's turn

export const listDates = (event, options) => withToken(event, "GET", `/events/${encode(event)}/dates?soldOut=true`, options);
export function listSeats(event, date, { section, cursor, ...options }) {
  const query = new URLSearchParams({ status: "all", ...(section && { section }), ...(cursor && { cursor }) });
  return withToken(event, "GET", `/events/${encode(event)}/dates/${encode(date)}/seats?${query}`, options);
}

/**
 * Makes a reservation exactly once. If an answer was lost, the retry is refused because of the reservation that the first attempt
 * made; that reservation is then the result.
 */
async function makeOnce(request) {
  let lost = false;
  try {
    return await request({ onRetry: () => { lost = true; } });
  } catch (error) {
    if (lost && error.code === "already_reserved") return getReservation(error.fields.reservationId);
    throw error;
  }
}

export const hold = (event, body) =>
  makeOnce((options) => withToken(event, "POST", `/events/${encode(event)}/holds`, { ...options, body }));
export const reserve = (event, quantity) =>
  makeOnce((options) => withToken(event, "POST", `/events/${encode(event)}/reservations`, { ...options, body: { quantity } }));

// --- The user's own reservations and wallet

export const pay = (reservation) => asUser("POST", () => `/reservations/${encode(reservation)}/payment`);
export const getReservation = (reservation, options) => asUser("GET", () => `/reservations/${encode(reservation)}`, options);
export const cancel = (reservation) => asUser("DELETE", () => `/reservations/${encode(reservation)}`);
export const balance = (options) => asUser("GET", (user) => `/users/${user}/wallet`, options);
export const listReservations = ({ cursor, ...options } = {}) =>
  asUser("GET", (user) => `/users/${user}/reservations${cursor ? `?cursor=${encode(cursor)}` : ""}`, options);
export const listLedger = ({ cursor, ...options } = {}) =>
  asUser("GET", (user) => `/users/${user}/wallet/ledger${cursor ? `?cursor=${encode(cursor)}` : ""}`, options);

/** A charge that was sent but not answered yet. */
export function pendingCharge() {
  const pending = get("charge");
  return pending && pending.userId === currentUser() ? pending : null;
}

/**
 * Charges the wallet once, regardless of double clicks and page reloads. The idempotency key is stored until the charge is answered;
 * until then every call repeats that charge.
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
    if (!isTransient(error)) remove("charge");
    throw error;
  }
}

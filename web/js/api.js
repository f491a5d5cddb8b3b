// The API client: one function per endpoint. Every request is safe to repeat, and is repeated until it is answered: see network.js.

import { learnServerTime } from "./clock.js";
import { identifiedToken, setUserAside, userId } from "./identity.js";
import { KeptRequests } from "./kept-requests.js";
import { ApiError, reportNetwork, untilAnswered } from "./network.js";
import { currentIdToken, isOffered, ready, rejectIdToken } from "./sign-in.js";
import { takeAnswer } from "./page-answer.js";
import { get, keys, remove, set } from "./storage.js";

const TIMEOUT_MS = 30000;
/** Maximum age of a public (cached) answer: a second in the CDN, plus a second for delivery. */
const KEPT_MS = 2000;

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
    let isOurs = true;
    try {
      answer = text ? JSON.parse(text) : null;
    } catch {
      // Not from our API, e.g. a gateway's error page, or the sign-in page of a wireless network.
      isOurs = false;
    }
    if (response.ok && isOurs) return answer;
    if (response.ok) throw new ApiError("network");
    // Responses from the gateway itself carry no code.
    const code = answer?.code ?? (response.status === 429 ? "throttled" : response.status >= 500 ? "busy" : "unexpected");
    const after = Number(response.headers.get("retry-after"));
    const status = response.status >= 500 ? 503 : response.status;
    throw new ApiError(code, { ...answer, status, retryAfterSeconds: answer?.retryAfterSeconds ?? (after || undefined) });
  } catch (error) {
    if (error instanceof ApiError || signal?.aborted) throw error;
    reportNetwork(false);
    throw new ApiError("network");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

const call = (method, path, options = {}) => untilAnswered(() => send(method, path, options), options);

const encode = encodeURIComponent;

// --- Public endpoints

export const listEvents = async (options) => takeAnswer("/events") ?? call("GET", "/events", options);
export async function getEvent(event, options) {
  const path = `/events/${encode(event)}`;
  const answer = takeAnswer(path) ?? await call("GET", path, options);
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
  if (own) return { token: own, drop: rejectIdToken };
  const events = keys("token.").map((key) => key.slice("token.".length));
  return events.map((event) => ({ token: tokenFor(event), expiresAt: get(tokenKey(event))?.expiresAt, drop: () => dropToken(event) }))
    .filter((kept) => kept.token)
    .sort((a, b) => (a.expiresAt < b.expiresAt ? 1 : -1))[0] ?? null;
}

/** Whether the user can be identified. If the shop signs users in, this is known once its settings are. */
export async function hasToken() {
  await currentIdToken();
  if (anyToken()) return true;
  await ready();
  return false;
}

/** Sends a request with any token. If the API rejects the token, forgets it and tries the next one. */
async function asUser(method, path, options = {}) {
  await currentIdToken();
  for (;;) {
    const kept = anyToken();
    if (!kept) throw new ApiError(isOffered() ? "sign_in" : "token_missing");
    try {
      return await call(method, path(currentUser()), { ...options, token: kept.token });
    } catch (error) {
      if (error.code !== "token_invalid") throw error;
      kept.drop();
    }
  }
}

/** Joins the event's queue, or returns the existing place. */
/** Joins the line, with a code if one is needed. */
export async function join(event, code) {
  const token = await currentIdToken();
  if (!token && await ready()) throw new ApiError("sign_in");
  try {
    const body = { ...(token ? {} : { userId: userId() }), ...(code ? { code } : {}) };
    const answer = await call("POST", `/events/${encode(event)}/tokens`, { action: true, ...(token ? { token } : {}), ...(token && !code ? {} : { body }) });
    keepToken(event, answer);
    return answer;
  } catch (error) {
    if (!["token_missing", "token_invalid"].includes(error.code)) throw error;
    if (token) rejectIdToken();
    throw new ApiError("sign_in");
  }
}

const withToken = (event, method, path, options) => {
  const token = tokenFor(event);
  return token ? call(method, path, { ...options, token }) : Promise.reject(new ApiError("token_missing"));
};

export const tokenStatus = (event, options) =>
  withToken(event, "GET", `/events/${encode(event)}/tokens/me`, { attempts: 1, ...options });
export const leave = (event) => withToken(event, "DELETE", `/events/${encode(event)}/tokens/me`, { action: true });

// --- During the user's turn

export const listDates = (event, options) => withToken(event, "GET", `/events/${encode(event)}/dates?soldOut=true`, options);
export function listSeats(event, date, { section, cursor, ...options }) {
  const query = new URLSearchParams({ status: "all", ...(section && { section }), ...(cursor && { cursor }) });
  return withToken(event, "GET", `/events/${encode(event)}/dates/${encode(date)}/seats?${query}`, options);
}

export const hold = (event, body) =>
  withToken(event, "POST", `/events/${encode(event)}/holds`, { action: true, body });
export const reserve = (event, quantity) =>
  withToken(event, "POST", `/events/${encode(event)}/reservations`, { action: true, body: { quantity } });

// --- The user's own reservations and wallet

export const pay = (reservation) => asUser("POST", () => `/reservations/${encode(reservation)}/payment`, { action: true });
export const getReservation = (reservation, options) => asUser("GET", () => `/reservations/${encode(reservation)}`, options);
/** `refundTo`: "wallet" or "source", where the money came from. Without it, the event decides. */
export const cancel = (reservation, refundTo) =>
  asUser("DELETE", () => `/reservations/${encode(reservation)}${refundTo ? `?refundTo=${refundTo}` : ""}`, { action: true });
export const balance = (options) => asUser("GET", (user) => `/users/${user}/wallet`, options);
export const listReservations = ({ cursor, ...options } = {}) =>
  asUser("GET", (user) => `/users/${user}/reservations${cursor ? `?cursor=${encode(cursor)}` : ""}`, options);
export const listLedger = ({ cursor, ...options } = {}) =>
  asUser("GET", (user) => `/users/${user}/wallet/ledger${cursor ? `?cursor=${encode(cursor)}` : ""}`, options);

/** Makes a link for the user's other device: {code, expiresAt}. A new one replaces the former. */
export const linkDevice = () => asUser("POST", (user) => `/users/${user}/device-links`, { action: true });

/** Uses a link. From then on this browser is the link's user; what it kept of its former user is set aside. */
export async function redeemLink(code, key) {
  const answer = await call("POST", "/device-links", { action: true, body: { code }, headers: { "idempotency-key": key } });
  if (currentUser() !== answer.userId) setUserAside();
  keepToken(answer.eventId, answer);
}

/**
 * Charges the wallet. With the same key, it is charged once. With a payment provider, the answer has a `status`, and the buyer has to pay
 * in its `checkout`. `payFor`: the hold that is paid as soon as the money has come.
 */
export const charge = (key, amount, payFor) =>
  asUser("POST", (user) => `/users/${user}/wallet/charges`, { action: true, body: { amount, payFor }, headers: { "idempotency-key": key } });

/** A charge that a payment provider confirms. */
export const getCharge = (chargeId, options) => asUser("GET", (user) => `/users/${user}/wallet/charges/${encode(chargeId)}`, options);

/** Gives money of the wallet back to where it came from. With the same key, it is given back once. */
const withdraw = (key, amount) =>
  asUser("POST", (user) => `/users/${user}/wallet/withdrawals`, { action: true, body: { amount }, headers: { "idempotency-key": key } });

/** The user's withdrawals, newest first. */
export const listWithdrawals = ({ cursor, ...options } = {}) =>
  asUser("GET", (user) => `/users/${user}/wallet/withdrawals${cursor ? `?cursor=${encode(cursor)}` : ""}`, options);

/** The charges of the wallet's form. */
export const charges = new KeptRequests("charge.", ({ key, amount }) => charge(key, amount));
export const withdrawals = new KeptRequests("withdrawal.", ({ key, amount }) => withdraw(key, amount));

// Who the buyer is.
//
// Without an OpenID Connect issuer, the API trusts the user id in the request. The browser then makes an id once and keeps it; anyone
// who knows that id is this user. With an issuer, its ID token says who signed in (sign-in.js). The ID token is sent to this origin
// only: when joining a queue, and for the wallet and tickets. It stays in this tab. It is never read from a URL, because a link could
// then sign people in as somebody else. See docs/ARCHITECTURE.md.

import { now } from "./clock.js";
import { get, keys, remove, session, set } from "./storage.js";

const KEY = "tokens";
/** An ID token with less time left is not used: it could expire before its request arrives. */
const LEAST_MS = 10000;
/** The UUID namespace of URLs (RFC 9562). */
const URLS = "6ba7b811-9dad-11d1-80b4-00c04fd430c8";
/** What the browser keeps of a user, by the beginnings of the names. A charge without an answer stays: only its user can send it again. */
const OF_A_USER = ["user", "token.", "line.", "hold.", "reservation.", "toppedup.", "date.", "code."];

/** The ID token whose user id is known, and that id. */
let identified = { token: null, user: null };

/** The claims of a token, unverified: the API verifies them. Null if it is not a token. */
export function claims(token) {
  try {
    const text = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0))));
  } catch {
    return null;
  }
}

/** What the issuer returned when the user signed in: {idToken, refreshToken}, or null. */
export const tokens = () => session.get(KEY);

/** Keeps the issuer's tokens, in this tab. */
export async function keepTokens(idToken, refreshToken) {
  session.set(KEY, { idToken, refreshToken });
  await identifyUser();
}

/** Forgets the issuer's tokens, e.g. because the API rejected them. */
export function forgetTokens() {
  session.remove(KEY);
}

/** When the ID token expires, in epoch milliseconds; null if the user has not signed in. */
export function signedInUntil() {
  const kept = tokens();
  return kept && (claims(kept.idToken)?.exp ?? 0) * 1000;
}

/** The issuer's ID token; null if the user has not signed in, or the token is about to expire. */
export function idToken() {
  return signedInUntil() > now() + LEAST_MS ? tokens().idToken : null;
}

/** The ID token, if its user id is already known here. */
export function identifiedToken() {
  const token = idToken();
  return token === identified.token ? token : null;
}

/** Computes the user id as the API does: the UUID v5 of `sub`, in the namespace that is the UUID v5 of the issuer's URL. */
export async function identifyUser() {
  const token = idToken();
  // crypto.subtle needs HTTPS or localhost. Without it, the answer to joining a queue tells the user id.
  if (!token || !crypto.subtle) return;
  const { iss, sub } = claims(token);
  const id = await uuid5(await uuid5(URLS, String(iss)), String(sub));
  identified = { token, user: id };
  if (get("user") !== id) set("user", id);
}

/** In another tab, the user has signed out, or somebody else has signed in: this tab's tokens are no longer used. */
export function followOtherTabs() {
  if (identified.user !== null && get("user") !== identified.user) {
    identified = { token: null, user: null };
    forgetTokens();
  }
}

/** Removes everything that this browser keeps of the user. Place in line, held seats and tickets remain the user's. */
export function forgetUser() {
  forgetTokens();
  for (const start of OF_A_USER) for (const key of keys(start)) remove(key);
}

const ASIDE = "aside.";

/** The users that were set aside in this browser. */
export const usersAside = () => keys(ASIDE).map((key) => key.slice(ASIDE.length));

/** Sets aside what this browser keeps of its user, so that another can take the place, and nothing is lost. */
export function setUserAside() {
  const user = get("user");
  if (!user) return;
  const kept = OF_A_USER.flatMap(keys).map((key) => [key, get(key)]);
  set(ASIDE + user, kept);
  forgetUser();
}

/** Takes a user back, and sets the present one aside. */
export function takeBack(user) {
  const kept = get(ASIDE + user);
  if (!kept) return;
  setUserAside();
  for (const [key, value] of kept) set(key, value);
  remove(ASIDE + user);
}

/** The user id to send when joining without an ID token. Made once per browser. */
export function userId() {
  const known = get("user");
  if (known) return known;
  const made = uuid();
  set("user", made);
  return made;
}

async function uuid5(namespace, name) {
  const space = namespace.replaceAll("-", "").match(/../g).map((byte) => parseInt(byte, 16));
  const hash = await crypto.subtle.digest("SHA-1", Uint8Array.from([...space, ...new TextEncoder().encode(name)]));
  return formatted(new Uint8Array(hash).slice(0, 16), 0x50);
}

/** A UUID v4. crypto.randomUUID is not used because it needs HTTPS or localhost. */
export function uuid() {
  return formatted(crypto.getRandomValues(new Uint8Array(16)), 0x40);
}

function formatted(bytes, version) {
  bytes[6] = (bytes[6] & 0x0f) | version;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

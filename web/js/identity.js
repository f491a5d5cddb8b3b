// Who the buyer is. This is the one place to change where people sign in.
//
// Without an OpenID Connect issuer the API takes the user id on trust, so this browser makes one once and keeps it: whoever knows
// it is this buyer. Where there is an issuer, a sign-in page of yours on this origin leaves the issuer's ID token in localStorage:
//   localStorage.setItem("boxoffice.idToken", JSON.stringify(idToken))
// It is sent to this origin alone, when joining and for wallet and tickets. No address can hand one over: a link could make
// somebody else of whoever follows it. docs/ARCHITECTURE.md tells more.

import { now } from "./clock.js";
import { get, remove, set } from "./store.js";

/** The path of your sign-in page, like "/sign-in"; it gets `?return=` with where to go back to. Null: there is none to lead to. */
export const signInAt = null;

const KEY = "idToken";
/** A token must last for the request that it is sent with. */
const LEAST_MS = 10000;
/** RFC 9562: the namespace of URLs. */
const URLS = "6ba7b811-9dad-11d1-80b4-00c04fd430c8";

/** The token whose user is kept as `user`. */
let identified = null;

/** What a token says; its issuer alone can say whether that is true. */
function claims(token) {
  try {
    const text = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0))));
  } catch {
    return null;
  }
}

/** The issuer's token; null where nobody has signed in, or not for long enough. */
export function proof() {
  const token = get(KEY);
  const until = (claims(token)?.exp ?? 0) * 1000;
  return until > now() + LEAST_MS ? token : null;
}

/** The same, if it is known whom it names. */
export function ownProof() {
  const token = proof();
  return token === identified ? token : null;
}

/** It was refused. */
export function forgetProof() {
  remove(KEY);
}

/** Learns whom the token names, by the rule of the API: UUID v5 of `sub`, in the namespace that is the v5 of the issuer's URL. */
export async function identify() {
  const token = proof();
  // Only there on HTTPS and on this machine; elsewhere joining tells.
  if (!token || !crypto.subtle) return;
  const { iss, sub } = claims(token);
  const id = await uuid5(await uuid5(URLS, String(iss)), String(sub));
  if (get("user") !== id) set("user", id);
  identified = token;
}

/** The id to send to issue-token where there is no proof. */
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
  return written(new Uint8Array(hash).slice(0, 16), 0x50);
}

/** UUID v4. crypto.randomUUID is only there on HTTPS and on this machine. */
export function uuid() {
  return written(crypto.getRandomValues(new Uint8Array(16)), 0x40);
}

function written(bytes, version) {
  bytes[6] = (bytes[6] & 0x0f) | version;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

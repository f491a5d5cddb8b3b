// Who the buyer is. This is the one place to change where people sign in (OIDC).
//
// A stack without an OIDC issuer takes the user id on trust, so this browser makes one once and keeps it: whoever knows it is
// this buyer. Where there is an issuer, let `signedIn` hold what its sign-in gave, have `userId` answer null (the id is then in
// issue-token's answer) and `proof` the issuer's token; and add the issuer's origin to `connect-src` in the page's policy
// (functions/pages/src/web.rs).

import { get, set } from "./store.js";

/** The id to send to issue-token; null where the proof says it. */
export function userId() {
  const known = get("user");
  if (known) return known;
  const made = uuid();
  set("user", made);
  return made;
}

/** The Authorization header's value for issue-token; null where the user id is taken on trust. */
export async function proof() {
  return null;
}

/** UUID v4. crypto.randomUUID is only there on HTTPS and on this machine. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

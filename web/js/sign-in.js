// Signing in with the OpenID Connect issuer, as a public client: authorization code flow with PKCE (RFC 7636), state and nonce.
//
// The user leaves for the issuer's page and comes back to this origin's page "/" with a code, which is exchanged for an ID token and,
// if the issuer gives one, a refresh token that renews it. What the user was doing waits in this tab's storage: nothing in the URL
// decides where the user goes. The API verifies the ID token's signature; here it comes directly from the issuer, over TLS.

import { now } from "./clock.js";
import { claims, forgetTokens, forgetUser, idToken, keepTokens, signedInUntil, tokens } from "./identity.js";
import { ApiError, isTransient, untilAnswered } from "./network.js";
import { session } from "./storage.js";

const SETTINGS = "/assets/sign-in.json";
/** The sign-in that this tab has begun. A later one replaces it, so only its own answer is accepted. */
const BEGUN = "sign-in";
const TIMEOUT_MS = 10000;
/** A user who needs longer at the issuer has to begin again. */
const LONGEST_MS = 30 * 60000;
/** The ID token is renewed, or the user told, when a tenth of its life is left, between these bounds. */
const RENEW_SHARE = 0.1;
const RENEW_FIRST_MS = 5 * 60000;
const RENEW_LAST_MS = 20000;
const LOOK_MS = 2000;

/** {issuer, clientId, scope}, or null if the shop does not sign users in. Undefined until the answer is here. */
let settings;
let loading = null;
let problem = false;
let resuming = null;
const watchers = new Set();

/** Loads the settings once. Resolves to whether the shop signs users in. */
export function ready() {
  loading ??= untilAnswered(() => json(SETTINGS)).then((answer) => { settings = answer.signIn; }, () => { loading = null; });
  return loading.then(isOffered);
}

/** Whether the shop signs users in, as far as is known. */
export const isOffered = () => Boolean(settings);

/** Calls back whenever `state` may have changed. */
export function watchSignIn(callback) {
  watchers.add(callback);
}

function notify() {
  for (const watcher of [...watchers]) watcher();
}

/** "out", "in", "ending" (soon, and not renewed silently), "ended", or "failed" (the last attempt). */
export function state() {
  if (problem) return "failed";
  const until = signedInUntil();
  if (until === null) return "out";
  if (tokens().refreshToken) return "in";
  if (!idToken()) return "ended";
  return until - now() > leadMs() ? "in" : "ending";
}

function leadMs() {
  const { exp, iat } = claims(tokens().idToken) ?? {};
  return Math.min(RENEW_FIRST_MS, Math.max(RENEW_LAST_MS, (exp - iat) * 1000 * RENEW_SHARE || 0));
}

// --- Requests to the issuer

/** Reads JSON. Failures that may pass are repeated by the caller. */
async function json(url, options) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  let response;
  let answer = null;
  try {
    response = await fetch(url, { credentials: "omit", referrerPolicy: "no-referrer", signal: timeout, ...options });
    answer = await response.json();
  } catch {
    if (!response || response.ok) throw new ApiError("network");
  }
  if (response.ok) return answer;
  throw new ApiError("sign_in_failed", { status: response.status >= 500 || response.status === 429 ? 503 : response.status });
}

let described = null;

/** The issuer's endpoints (OpenID Connect Discovery 1.0). */
async function endpoints() {
  if (described) return described;
  const answer = await untilAnswered(() => json(`${settings.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`), { attempts: 4 });
  const { protocol } = new URL(settings.issuer);
  const isSafe = (url) => URL.canParse(url) && new URL(url).protocol === protocol;
  if (answer.issuer !== settings.issuer || !isSafe(answer.authorization_endpoint) || !isSafe(answer.token_endpoint)) throw new ApiError("sign_in_failed");
  described = {
    authorization: answer.authorization_endpoint,
    token: answer.token_endpoint,
    endSession: isSafe(answer.end_session_endpoint) ? answer.end_session_endpoint : null,
  };
  return described;
}

async function requestTokens(parameters, options) {
  const { token } = await endpoints();
  const body = new URLSearchParams({ client_id: settings.clientId, ...parameters });
  return untilAnswered(() => json(token, { method: "POST", body }), options);
}

/** The address that the issuer returns to; it must be registered there exactly like this. */
const redirectUri = () => `${location.origin}/`;

const encoded = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
/** 256 random bits. */
const secret = () => encoded(crypto.getRandomValues(new Uint8Array(32)));

function withParameters(endpoint, parameters) {
  const url = new URL(endpoint);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** Whether the claims of an ID token are those of a sign-in at our issuer for us (OpenID Connect Core 1.0, 3.1.3.7). */
function isForUs(said) {
  const audiences = [said?.aud].flat();
  return said?.iss === settings.issuer && audiences.includes(settings.clientId)
    && (audiences.length === 1 || said.azp === settings.clientId)
    && typeof said.sub === "string" && said.exp * 1000 > now();
}

// --- Signing in

/** Leaves for the issuer. The user comes back to the same view. `then`: what the view is to do then, see `isResuming`. */
export async function signIn(then = null) {
  if (!(await ready()) || !crypto.subtle) throw new ApiError("sign_in_failed");
  const { authorization } = await endpoints();
  const [verifier, nonce, state] = [secret(), secret(), secret()];
  const challenge = encoded(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
  session.set(BEGUN, { verifier, nonce, state, then, place: location.pathname + location.search, at: Date.now() });
  const { lang } = document.documentElement;
  location.assign(withParameters(authorization, {
    response_type: "code", client_id: settings.clientId, redirect_uri: redirectUri(), scope: settings.scope,
    state, nonce, code_challenge: challenge, code_challenge_method: "S256",
    // The language of the issuer's page: the standard's name, and Cognito's.
    ui_locales: lang, lang,
  }));
}

/** Whether the issuer has just sent the user back. */
export function isReturning() {
  const query = new URLSearchParams(location.search);
  return query.has("state") && (query.has("code") || query.has("error"));
}

/** Completes the sign-in that this tab has begun. Returns the user to where it began, signed in or not. */
export async function finishSignIn() {
  const query = new URLSearchParams(location.search);
  const begun = session.get(BEGUN);
  const isOurs = begun !== null && begun.state === query.get("state") && Date.now() - begun.at < LONGEST_MS;
  if (isOurs) session.remove(BEGUN);
  // A code is used once, so neither a reload nor the history may send it again.
  history.replaceState(null, "", location.origin + (isOurs ? begun.place : "/"));
  try {
    if (!isOurs || !(await ready()) || (query.get("iss") ?? settings.issuer) !== settings.issuer || !query.has("code")) throw new ApiError("sign_in_failed");
    const answer = await requestTokens(
      { grant_type: "authorization_code", code: query.get("code"), redirect_uri: redirectUri(), code_verifier: begun.verifier }, { attempts: 1 });
    const said = claims(answer.id_token);
    if (!isForUs(said) || said.nonce !== begun.nonce) throw new ApiError("sign_in_failed");
    await keepTokens(answer.id_token, answer.refresh_token ?? null);
    resuming = begun.then;
    problem = false;
  } catch {
    problem = idToken() === null;
  }
  notify();
}

/** Whether the user has come back to go on with this. True once. */
export function isResuming(what) {
  const isIt = resuming === what;
  if (isIt) resuming = null;
  return isIt;
}

// --- Staying signed in

let renewing = null;

/** Renews the ID token by the refresh token, if there is one. Afterwards there may be none: then the user has to sign in again. */
export function renew() {
  renewing ??= renewOnce().finally(() => { renewing = null; });
  return renewing;
}

async function renewOnce() {
  const before = tokens();
  if (!before?.refreshToken || !(await ready())) return;
  try {
    const answer = await requestTokens({ grant_type: "refresh_token", refresh_token: before.refreshToken }, { attempts: 2 });
    // An issuer may return no new ID token, or no new refresh token: then the old one stays in force.
    const said = claims(answer.id_token);
    if (!isForUs(said) || said.sub !== claims(before.idToken)?.sub) throw new ApiError("sign_in_failed");
    if (tokens()?.refreshToken === before.refreshToken) await keepTokens(answer.id_token, answer.refresh_token ?? before.refreshToken);
  } catch (error) {
    if (isTransient(error) || tokens()?.refreshToken !== before.refreshToken) return;
    await keepTokens(before.idToken, null);
  }
  notify();
}

/** The ID token, renewed if it has expired. Null: the user has to sign in. */
export async function currentIdToken() {
  if (!idToken()) await renew();
  return idToken();
}

/** Renews the ID token before it expires, as long as the page is open, and notifies of the changes. */
export function staySignedIn() {
  let shown = state();
  const look = async () => {
    if (signedInUntil() !== null && tokens().refreshToken && signedInUntil() - now() <= leadMs()) await renew();
    if (shown === state()) return;
    shown = state();
    notify();
  };
  setInterval(look, LOOK_MS);
  // The timers of a hidden page are late.
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") look(); });
}

// --- Signing out

/** Signs out here, and at the issuer if it offers that. */
export async function signOut() {
  const hint = tokens()?.idToken;
  forgetUser();
  problem = false;
  notify();
  if (!(await ready())) return;
  const { endSession } = await endpoints().catch(() => ({ endSession: null }));
  if (!endSession) return;
  // OpenID Connect RP-Initiated Logout 1.0. Cognito's /logout names the address to return to `logout_uri` (docs/adr/0035-sign-in.md).
  location.assign(withParameters(endSession, {
    client_id: settings.clientId, post_logout_redirect_uri: redirectUri(), logout_uri: redirectUri(), ...(hint && { id_token_hint: hint }),
  }));
}

/** The API has rejected the ID token. */
export function rejectIdToken() {
  forgetTokens();
  notify();
}

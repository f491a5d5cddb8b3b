// One's place in line, kept through reloads, sleeping phones, lost networks and several tabs.
//
// The place is a token and what is known of it, in this browser's storage, which all tabs share. While waiting, a tab looks at the
// public numbers of the queue, which a CDN answers, and knows from its own lane and rank how far it has come. It asks about its
// own token only when these say that its turn has come. Whichever tab looks first looks for all.

import * as api from "./api.js";
import { now, pause } from "./clock.js";
import { canVerify, rankOf } from "./draw.js";
import { alone, get, keys, remove, set, watch } from "./store.js";

const key = (event) => `line.${event}`;

const SHORTEST_SECONDS = 1;
const LONGEST_SECONDS = 30;
/** While inside: often enough to see that another device has paid or left. */
const INSIDE_SECONDS = 30;

/** What is known of the place: {status, queueNumber, lane, rank, position, progress, …}; null: not in line. */
export function place(event) {
  const line = get(key(event));
  return line && (line.status === "EXPIRED" || api.tokenFor(event)) ? line : null;
}

export const isInside = (event) => {
  const line = place(event);
  return line?.status === "ACTIVE" && Date.parse(line.expiresAt) > now();
};

/** Calls back when the place of the event changes, here or in another tab. */
export function watchPlace(event, callback, signal) {
  watch((changed) => { if (changed === key(event) || changed === "") callback(place(event)); }, signal);
}

/** All events in whose lines one stands or stood. */
export const lines = () => keys("line.").map((key) => key.slice("line.".length));

let called = () => {};

/** Who is told when it is one's turn: once, in the tab that asked. */
export function whenCalled(callback) {
  called = callback;
}

const schedule = (seconds) => ({ checkedAt: Date.now(), delayMs: Math.max(SHORTEST_SECONDS, seconds) * 1000 });

/** What the API said about the token. */
function learnPlace(event, answer, before) {
  const same = before && before.queueNumber === answer.queueNumber && before.lane === answer.lane;
  const line = {
    ...(same ? before : {}),
    status: answer.status,
    queueNumber: answer.queueNumber,
    lane: answer.lane,
    rank: answer.rank ?? (same ? before.rank : null) ?? null,
    // Whether the box office has said the rank; otherwise it was computed here.
    rankIsTold: answer.rank !== undefined || Boolean(same && before.rankIsTold),
    expiresAt: answer.expiresAt ?? null,
    hintSeconds: answer.pollAfterSeconds ?? null,
    // A token's hint has its jitter already.
    ...schedule(answer.status === "ACTIVE" ? untilChecked(answer.expiresAt) : answer.pollAfterSeconds ?? INSIDE_SECONDS),
  };
  if (answer.status === "WAITING") {
    advance(line, answer.position, answer.estimatedWaitSeconds);
    // The public numbers say more (whether it is paused, what is drawn): a first look soon.
    if (!same) Object.assign(line, schedule(1 + Math.random()));
  }
  if (answer.status === "ACTIVE") line.progress = 1;
  set(key(event), line);
  if (line.status === "ACTIVE" && same && before.status === "WAITING") called();
  return line;
}

function untilChecked(expiresAt) {
  const left = (Date.parse(expiresAt) - now()) / 1000;
  return Math.min(INSIDE_SECONDS, Math.max(SHORTEST_SECONDS, left + 1));
}

/** Nearer to the door. The bar never goes back, whatever the numbers do. */
function advance(line, position, waitSeconds) {
  line.position = position ?? null;
  line.waitSeconds = waitSeconds ?? null;
  if (position === undefined || position === null) return;
  line.firstPosition = Math.max(line.firstPosition ?? 0, position);
  const come = (line.firstPosition - position) / line.firstPosition;
  line.progress = Math.max(line.progress ?? 0, Math.min(0.99, come));
}

/** Takes a place in line, or goes on with the one that there is. Two tabs take one place. */
export function enter(event) {
  return alone(`join.${event}`, async () => {
    const line = place(event);
    if (line && line.status !== "EXPIRED") return line;
    const answer = await api.join(event);
    return learnPlace(event, answer, line);
  });
}

/** Asks where the token stands; that is also how one who has been called arrives. */
export async function ask(event, options) {
  const before = place(event);
  try {
    return learnPlace(event, await api.tokenStatus(event, options), before);
  } catch (error) {
    if (error.code === "token_invalid" || error.code === "token_missing") {
      api.dropToken(event);
      remove(key(event));
    }
    throw error;
  }
}

/** The place is given up. Where that cannot be told now, the place stays, so that one can try again. */
export async function leave(event) {
  await api.leave(event);
  remove(key(event));
}

/** Something is about to change: look soon, but not all at once. */
export function soon(event) {
  const line = place(event);
  if (line?.status === "WAITING") set(key(event), { ...line, ...schedule(1 + Math.random() * 2) });
}

/** The API has said that the turn is over. */
export function over(event) {
  const line = place(event);
  if (line && line.status !== "EXPIRED") set(key(event), { ...line, status: "EXPIRED", expiresAt: null });
}

/** Looks once: at the public numbers, and at the token if they say so. */
async function check(event, line, signal) {
  if (line.status === "ACTIVE") {
    await ask(event, { signal });
    return;
  }
  const queue = await api.queueStatus(event, { signal });
  const mine = place(event);
  // Left or joined anew meanwhile, in another tab.
  if (!mine || mine.status !== "WAITING" || mine.queueNumber !== line.queueNumber) return;
  const lane = queue.lanes[mine.lane] ?? { issued: queue.issued, admitted: queue.admitted };
  if (mine.rank === null && queue.draw) {
    if (canVerify()) mine.rank = await rankOf(queue, mine.lane, mine.queueNumber);
    else if (queue.draw.counts) return void await ask(event, { signal });
  }
  const isCalled = mine.rank !== null && mine.rank <= lane.admitted;
  if (queue.state === "CLOSED" || (queue.state === "OPEN" && isCalled)) {
    await ask(event, { signal });
    return;
  }
  const ahead = mine.rank === null ? null : Math.max(1, mine.rank - lane.admitted) * queue.lanes.length;
  const perMinute = queue.admittedPerMinute;
  const waitSeconds = ahead && perMinute ? Math.ceil(ahead * 60 / perMinute) : null;
  advance(mine, ahead, waitSeconds);
  mine.saleState = queue.state;
  mine.waiting = queue.waiting;
  mine.draw = queue.draw && { ...queue.draw, noted: mine.draw?.noted ?? queue.draw.commitment };
  set(key(event), { ...mine, ...schedule(hint(queue, mine)) });
}

/**
 * Seconds until the next look: the queue's own hint, which never exceeds half of the time that a turn is kept; sooner where
 * one's own wait is short. The answer is shared, so the jitter is added here.
 */
function hint(queue, line) {
  let seconds = queue.pollAfterSeconds;
  if (line.hintSeconds) seconds = Math.min(seconds, line.hintSeconds);
  if (line.waitSeconds) seconds = Math.min(seconds, line.waitSeconds / 10);
  return Math.min(LONGEST_SECONDS, Math.max(Math.min(2, queue.pollAfterSeconds), seconds)) * (0.75 + Math.random() / 4);
}

/** Keeps the place of an event up to date until the signal ends it: one of these runs in each tab. */
export async function keep(event, signal) {
  let failures = 0;
  let wake = () => {};
  const stir = () => wake();
  const awake = () => {
    // A phone that slept, a page that came back: look now rather than when its late timer fires.
    if (document.visibilityState === "visible") {
      const line = place(event);
      if (line && Date.now() - line.checkedAt > 1000) set(key(event), { ...line, delayMs: 0 });
    }
  };
  document.addEventListener("visibilitychange", awake, { signal });
  window.addEventListener("pageshow", awake, { signal });
  window.addEventListener("online", awake, { signal });
  watchPlace(event, stir, signal);
  while (!signal.aborted) {
    const line = place(event);
    const rests = !line || line.status === "EXPIRED";
    const wait = rests ? Infinity : Math.min(line.delayMs, line.checkedAt + line.delayMs - Date.now());
    if (wait > 0) {
      const nap = new AbortController();
      wake = () => nap.abort();
      const end = () => nap.abort();
      signal.addEventListener("abort", end);
      await pause(Math.min(wait, 2 ** 30), nap.signal);
      signal.removeEventListener("abort", end);
      wake = () => {};
      continue;
    }
    // This tab looks for all; the others see the new time and sleep on.
    set(key(event), { ...line, checkedAt: Date.now(), delayMs: Math.max(line.delayMs, 5000) });
    try {
      await check(event, line, signal);
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      const kept = place(event);
      if (error.code === "event_not_found") over(event);
      else if (kept) {
        set(key(event), { ...kept, checkedAt: Date.now(), delayMs: api.backoff(failures, error.fields?.retryAfterSeconds) });
      }
      failures += 1;
    }
  }
}

// The user's place in line. It survives reloads, sleeping phones, lost networks, and is shared by all tabs.
//
// A place consists of a queue token and what is known about it, in the browser's storage. While the user waits, a tab polls the
// queue's public numbers, which a CDN serves, and computes the position from its own lane and rank. It asks about its own token only
// when the numbers say that the rank has been called. One tab polls for all: the result goes to the shared storage.

import * as api from "./api.js";
import { now, sleep } from "./clock.js";
import { canVerify, rankOf } from "./draw.js";
import { backoff } from "./network.js";
import { codeFor } from "./presale.js";
import { get, keys, remove, set, watch, withLock } from "./storage.js";
import { nextEstimate } from "./wait-estimate.js";

const key = (event) => `line.${event}`;

const SHORTEST_SECONDS = 1;
const LONGEST_SECONDS = 30;
/** The turn is near if the wait is not expected to be longer than this, or, without an estimate, if at most so many are ahead. */
const NEAR_SECONDS = 120;
const NEAR_AHEAD = 2;
/** During a turn: often enough to notice that the user has paid or left on another device. */
const TURN_POLL_SECONDS = 30;

/** The user's place in an event's line: {status, queueNumber, lane, rank, position, progress, …}; null if there is none. */
export function placeIn(event) {
  const place = get(key(event));
  return place && (place.status === "EXPIRED" || api.tokenFor(event)) ? place : null;
}

export const hasTurn = (event) => {
  const place = placeIn(event);
  return place?.status === "ACTIVE" && Date.parse(place.expiresAt) > now();
};

/** Calls back when the user's place in the event's line changes, here or in another tab. */
export function watchPlace(event, callback, signal) {
  watch((changed) => { if (changed === key(event) || changed === "") callback(placeIn(event)); }, signal);
}

/** The events that the user has joined, including those whose turn is over. */
export const joinedEvents = () => keys("line.").map((key) => key.slice("line.".length));

let notifyCalled = () => {};
let notifyNear = () => {};

/** Sets the callback for when the user is called. It runs once, in the tab that polled. */
export function onCalled(callback) {
  notifyCalled = callback;
}

/** Sets the callback for when the user's turn is near. It runs once for each place, in the tab that polled. */
export function onNear(callback) {
  notifyNear = callback;
}

const schedule = (seconds) => ({ checkedAt: Date.now(), delayMs: Math.max(SHORTEST_SECONDS, seconds) * 1000 });

/** Stores what the API said about the token. */
function savePlace(event, answer, before) {
  const same = before && before.queueNumber === answer.queueNumber && before.lane === answer.lane;
  const place = {
    ...(same ? before : {}),
    status: answer.status,
    queueNumber: answer.queueNumber,
    lane: answer.lane,
    rank: answer.rank ?? (same ? before.rank : null) ?? null,
    // Whether the rank comes from the API; otherwise it was computed here.
    rankIsTold: answer.rank !== undefined || Boolean(same && before.rankIsTold),
    expiresAt: answer.expiresAt ?? null,
    hintSeconds: answer.pollAfterSeconds ?? null,
    shortage: shortageOf(answer),
    cancelledAt: answer.cancelledAt ?? null,
    // The hint for a token already includes jitter.
    ...schedule(answer.status === "ACTIVE" ? secondsToNextCheck(answer.expiresAt) : answer.pollAfterSeconds ?? TURN_POLL_SECONDS),
  };
  if (answer.status === "WAITING") {
    advance(event, place, answer.position, answer.estimatedWaitSeconds);
    // The public numbers say more (e.g. whether the sale is paused, and the draw), so poll them soon.
    if (!same) Object.assign(place, schedule(1 + Math.random()));
  }
  if (answer.status === "ACTIVE") place.progress = 1;
  set(key(event), place);
  if (place.status === "ACTIVE" && same && before.status === "WAITING") notifyCalled(event);
  return place;
}

/** The position in a lane, without those ahead who have left: at least as many of a group as its ranks from here on cannot hold. */
function positionIn(lane, rank) {
  const left = (lane.departed ?? []).map(([first, last, count]) => Math.max(0, count - Math.max(0, last + 1 - Math.max(rank, first))));
  return Math.max(1, rank - lane.admitted - left.reduce((sum, n) => sum + n, 0));
}

/** Why nothing can be bought at the moment, or null. */
function shortageOf(answer) {
  if (answer.soldOut) return "sold_out";
  return answer.allHeld ? "all_held" : null;
}

function secondsToNextCheck(expiresAt) {
  const left = (Date.parse(expiresAt) - now()) / 1000;
  return Math.min(TURN_POLL_SECONDS, Math.max(SHORTEST_SECONDS, left + 1));
}

/**
 * Updates position, expected wait, and progress: how many of those who were ahead at the start are ahead no more. The progress never goes
 * back, even if the position does.
 */
function advance(event, place, position, waitSeconds) {
  place.position = position ?? null;
  place.waitSeconds = waitSeconds ?? null;
  const isStopped = place.saleState === "PAUSED" || Boolean(place.shortage);
  place.estimate = nextEstimate(place.estimate ?? null, { waitSeconds: place.waitSeconds, isStopped }, Date.now());
  if (place.position === null) return;
  place.ahead = Math.max(0, position - (place.lanes ?? 1));
  place.aheadAtStart = Math.max(place.aheadAtStart ?? 0, place.ahead);
  const come = place.aheadAtStart === 0 ? 1 : 1 - place.ahead / place.aheadAtStart;
  place.progress = Math.max(place.progress ?? 0, Math.min(0.99, come));
  const isNear = !isStopped && (place.waitSeconds === null ? place.ahead <= NEAR_AHEAD : place.waitSeconds <= NEAR_SECONDS);
  // Who has just joined is looking at the page.
  if (isNear && place.isFar) notifyNear(event);
  place.isFar = !isNear && (place.isFar ?? true);
}

/** Joins the queue, or returns the existing place. Two tabs get the same place. */
export function joinQueue(event) {
  return withLock(`join.${event}`, async () => {
    const place = placeIn(event);
    if (place && place.status !== "EXPIRED") return place;
    const answer = await api.join(event, codeFor(event));
    return savePlace(event, answer, place);
  });
}

/** Asks the API about the token. For a called user this request is also the arrival. */
export async function refreshPlace(event, options) {
  const before = placeIn(event);
  try {
    return savePlace(event, await api.tokenStatus(event, options), before);
  } catch (error) {
    if (error.code === "token_invalid" || error.code === "token_missing") {
      api.dropToken(event);
      remove(key(event));
    }
    throw error;
  }
}

/** Gives up the place. If the API cannot be reached, the place stays, so that the user can try again. */
export async function leaveQueue(event) {
  await api.leave(event);
  remove(key(event));
}

/** Polls soon because a change is due, with jitter so that browsers do not poll all at once. */
export function checkSoon(event) {
  const place = placeIn(event);
  if (place?.status === "WAITING") set(key(event), { ...place, ...schedule(1 + Math.random() * 2) });
}

/** Marks the turn as over, as the API has said. */
export function endTurn(event) {
  const place = placeIn(event);
  if (place && place.status !== "EXPIRED") set(key(event), { ...place, status: "EXPIRED", expiresAt: null });
}

/** Polls once: the public numbers, and then the token if the numbers say that the rank has been called. */
async function check(event, place, signal) {
  if (place.status === "ACTIVE") {
    await refreshPlace(event, { signal });
    return;
  }
  const queue = await api.queueStatus(event, { signal });
  const mine = placeIn(event);
  // The user has left or joined again in another tab meanwhile.
  if (!mine || mine.status !== "WAITING" || mine.queueNumber !== place.queueNumber) return;
  const lane = queue.lanes[mine.lane] ?? { issued: queue.issued, admitted: queue.admitted };
  if (mine.rank === null && queue.draw) {
    if (canVerify()) mine.rank = await rankOf(queue, mine.lane, mine.queueNumber);
    else if (queue.draw.counts) return void await refreshPlace(event, { signal });
  }
  const isCalled = mine.rank !== null && mine.rank <= lane.admitted;
  if (queue.state === "CLOSED" || (queue.state === "OPEN" && isCalled)) {
    await refreshPlace(event, { signal });
    return;
  }
  const ahead = mine.rank === null ? null : positionIn(lane, mine.rank) * queue.lanes.length;
  const perMinute = queue.admittedPerMinute;
  const waitSeconds = ahead && perMinute ? Math.ceil(ahead * 60 / perMinute) : null;
  mine.saleState = queue.state;
  mine.shortage = shortageOf(queue);
  // Until the number of lanes is known, it counts as one.
  if (mine.lanes === undefined && queue.lanes.length > 1) mine.aheadAtStart = 0;
  mine.lanes = queue.lanes.length;
  advance(event, mine, ahead, waitSeconds);
  mine.waiting = queue.waiting;
  mine.draw = queue.draw && { ...queue.draw, noted: mine.draw?.noted ?? queue.draw.commitment };
  set(key(event), { ...mine, ...schedule(secondsToNextPoll(queue, mine)) });
}

/**
 * Seconds until the next poll: the queue's own hint, which is at most half of the grace time, or less if the expected wait is short.
 * The hint comes from a cached answer that all browsers share, so jitter is added here.
 */
function secondsToNextPoll(queue, place) {
  let seconds = queue.pollAfterSeconds;
  if (place.hintSeconds) seconds = Math.min(seconds, place.hintSeconds);
  if (place.waitSeconds) seconds = Math.min(seconds, place.waitSeconds / 10);
  return Math.min(LONGEST_SECONDS, Math.max(Math.min(2, queue.pollAfterSeconds), seconds)) * (0.75 + Math.random() / 4);
}

/** Keeps the user's place up to date until the signal is aborted. Runs once per event in each tab. */
export async function keepUpdated(event, signal) {
  let failures = 0;
  let wake = () => {};
  const stir = () => wake();
  const awake = () => {
    // The phone woke up, or the page is visible again: poll now instead of waiting for a delayed timer.
    if (document.visibilityState === "visible") {
      const place = placeIn(event);
      if (place && Date.now() - place.checkedAt > 1000) set(key(event), { ...place, delayMs: 0 });
    }
  };
  document.addEventListener("visibilitychange", awake, { signal });
  window.addEventListener("pageshow", awake, { signal });
  window.addEventListener("online", awake, { signal });
  watchPlace(event, stir, signal);
  while (!signal.aborted) {
    const place = placeIn(event);
    const isIdle = !place || place.status === "EXPIRED";
    const wait = isIdle ? Infinity : Math.min(place.delayMs, place.checkedAt + place.delayMs - Date.now());
    if (wait > 0) {
      const nap = new AbortController();
      wake = () => nap.abort();
      const end = () => nap.abort();
      signal.addEventListener("abort", end);
      await sleep(Math.min(wait, 2 ** 30), nap.signal);
      signal.removeEventListener("abort", end);
      wake = () => {};
      continue;
    }
    // This tab polls for all: the others see the new time in the storage and keep sleeping.
    set(key(event), { ...place, checkedAt: Date.now(), delayMs: Math.max(place.delayMs, 5000) });
    try {
      await check(event, place, signal);
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      const kept = placeIn(event);
      if (error.code === "event_not_found") endTurn(event);
      else if (kept) {
        set(key(event), { ...kept, checkedAt: Date.now(), delayMs: backoff(failures, error.fields?.retryAfterSeconds) });
      }
      failures += 1;
    }
  }
}

// The expected wait, without jumps. The API's estimate follows the measured pace, so it wavers. Here it becomes a time of day that moves
// slowly, or at once if the pace has really changed, and then there is a reason to show. No DOM.

/** A change is large from here on, as a share of the time that is left, and at least by this much. */
const LARGE_SHARE = 0.3;
const LARGE_MS = 60000;
/** The share of a small change that is adopted with each estimate. */
const STEP = 0.25;
/** How long the reason of a large change is shown. */
const REASON_MS = 120000;

/**
 * The next estimate: {dueAt, reason, reasonAt, drift, stopped}. `before`: the former one, or null. `waitSeconds`: null if there is no
 * estimate. `isStopped`: nobody is called at the moment.
 */
export function nextEstimate(before, { waitSeconds, isStopped }, now) {
  const reason = before?.reason && now - before.reasonAt < REASON_MS ? { reason: before.reason, reasonAt: before.reasonAt } : {};
  if (isStopped) return { dueAt: null, drift: 0, stopped: true };
  // A few polls after a pause, the pace may not be measured yet.
  if (waitSeconds === null) return { dueAt: before?.dueAt > now ? before.dueAt : null, drift: 0, stopped: before?.stopped ?? false, ...reason };
  const raw = now + waitSeconds * 1000;
  if (before?.stopped) return { dueAt: raw, drift: 0, stopped: false, reason: "resumed", reasonAt: now };
  if (!before?.dueAt) return { dueAt: raw, drift: 0, stopped: false };
  const change = raw - before.dueAt;
  const isLarge = Math.abs(change) > Math.max(LARGE_MS, LARGE_SHARE * (before.dueAt - now));
  const drift = isLarge ? Math.sign(change) : 0;
  // Two large changes in the same direction are no accident.
  if (isLarge && drift === before.drift) return { dueAt: raw, drift: 0, stopped: false, reason: change > 0 ? "slower" : "faster", reasonAt: now };
  return { dueAt: before.dueAt + change * STEP, drift, stopped: false, ...reason };
}

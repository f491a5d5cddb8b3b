// Which events the list shows, and in which order. No DOM.

/** Letters without accents, in lower case. */
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** Each word must be in the name, the artists, the venue or the city. */
function hasWords(event, text) {
  const all = plain([event.eventName, ...(event.artists ?? []), event.venue, event.city ?? ""].join(" "));
  return plain(text).split(/\s+/).every((word) => all.includes(word));
}

const starts = (event) => (event.startTimes ?? []).map((start) => Date.parse(start));

/** The next start, or the last one if all are past; infinite without a start. */
function nextStart(event, now) {
  const all = starts(event);
  return all.find((start) => start > now) ?? all.at(-1) ?? Infinity;
}

/** Whether the event is over: all its dates have begun, or it has none and its sale has ended. */
export function isPast(event, now) {
  const all = starts(event);
  return all.length > 0 ? all.at(-1) <= now : event.state === "CLOSED";
}

/**
 * The events with these words, in this city, with a start in this period. `when`: "" for any, a number of days from now, or a month
 * (YYYY-MM), which `monthOf(start, event)` tells.
 */
export function matching(events, { q = "", city = "", when = "" }, now, monthOf) {
  const isWhen = (event) => {
    if (when === "") return true;
    if (/^\d{4}-\d{2}$/.test(when)) return starts(event).some((start) => monthOf(start, event) === when);
    return starts(event).some((start) => start > now && start <= now + Number(when) * 86400000);
  };
  return events.filter((event) => hasWords(event, q) && (city === "" || event.city === city) && isWhen(event));
}

/** Sorted by the next start; past ones from the latest on. Events without a date come last. */
export function sorted(events, now) {
  const order = (a, b) => nextStart(a, now) - nextStart(b, now) || a.eventName.localeCompare(b.eventName);
  const past = events.filter((event) => isPast(event, now));
  return { upcoming: events.filter((event) => !past.includes(event)).sort(order), past: past.sort((a, b) => -order(a, b)) };
}

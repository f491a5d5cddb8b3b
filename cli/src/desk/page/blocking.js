// Blocking and unblocking seats that were chosen on the map.
import { fetchJson } from "./api.js";
import { confirmAct } from "./confirm.js";
import { make } from "./dom.js";
import { ranges } from "./seat-layout.js";
import { number, word } from "./words.js";

const KINDS = ["house", "sponsor", "sightline", "accessible", "companion"];

const seatsText = ({ section, date, seats }) => [number(seats.length), section, date, ranges(seats)];

/** Tells what could not be done: the seats before were. */
function stopped(result, what) {
  if (!result.stopped) return result;
  throw new Error(word("stoppedAt", word(what), number(result.done), result.stopped));
}

export function askBlock({ path, date, section, seats }) {
  const kind = make("select", { id: "block-kind" }, ...KINDS.map((name) => make("option", { value: name, text: word(`kind_of_${name}`) })));
  const until = make("input", { id: "block-until", type: "datetime-local" });
  const channel = make("input", { id: "block-channel", maxlength: "40", pattern: "[a-z0-9\\-]+", autocomplete: "off" });
  const fields = [make("label", { text: `${word("blockAs")} ` }, kind), make("label", { text: `${word("until")} ` }, until), make("label", { text: `${word("channel")} ` }, channel)];
  return confirmAct({
    text: word("confirmBlock", ...seatsText({ section, date, seats })),
    act: word("block"),
    fields,
    run: async (why) => {
      const request = { section, seats, kind: kind.value, why, ...(until.value && { until: new Date(until.value).toISOString() }), ...(channel.value && { channel: channel.value }) };
      return stopped(await fetchJson(`${path}/dates/${encodeURIComponent(date)}/block`, request), "blocked");
    },
  });
}

export function askUnblock({ path, date, section, seats }) {
  return confirmAct({
    text: word("confirmUnblock", ...seatsText({ section, date, seats })),
    act: word("unblock"),
    run: async (why) => stopped(await fetchJson(`${path}/dates/${encodeURIComponent(date)}/unblock`, { section, seats, why }), "unblocked"),
  });
}

// The draw, explained where one waits for it, and checked in the buyer's own browser.

import * as api from "./api.js";
import { canVerify, commitmentOf, progressOf, rankOf } from "./draw.js";
import { h, icon, put } from "./dom.js";
import { number, t } from "./i18n.js";
import { place } from "./line.js";
import { back, href, skeleton, title } from "./parts.js";

const code = (text) => h("code", { class: "hash" }, text);

/** What can be said of a draw now, for who stands in line. */
export function lots(event, line) {
  const { draw } = line;
  const open = draw.secret !== undefined;
  const checks = h("ul", { class: "checks" });
  if (open && canVerify()) verify({ eventId: event.eventId, draw }, line, checks);
  return h("section", { class: "panel lots", "aria-labelledby": "lots-title" },
    h("h2", { id: "lots-title" }, icon("dice"), t("draw.title")),
    h("p", {}, t(!open ? "draw.before" : line.queueNumber && canVerify() ? "draw.after" : "draw.after_others")),
    h("dl", { class: "hashes" },
      h("dt", {}, t("draw.commitment")), h("dd", {}, code(draw.commitment)),
      draw.beacon && [h("dt", {}, t("draw.beacon")), h("dd", {}, draw.beacon.source, draw.beacon.value && [h("br", {}), code(draw.beacon.value)])],
      open && [h("dt", {}, t("draw.secret")), h("dd", {}, code(draw.secret))],
      draw.count !== undefined && [h("dt", {}, t("draw.count")), h("dd", {}, number(draw.count))]),
    checks,
    h("p", {}, h("a", { href: href("events", event.eventId, "draw") }, t("draw.how"))));
}

/** Says for each claim whether it holds. */
async function verify(queue, line, list) {
  const { draw } = queue;
  const results = [];
  const same = (await commitmentOf(draw.secret)) === draw.commitment;
  results.push([same, t(same ? "draw.secret_fits" : "draw.secret_differs")]);
  if (line?.draw?.noted) {
    const kept = line.draw.noted === draw.commitment;
    results.push([kept, t(kept ? "draw.noted_fits" : "draw.noted_differs")]);
  }
  if (line?.queueNumber) {
    switch (progressOf(draw, line.lane, line.queueNumber)) {
      case "drawn": {
        const rank = await rankOf(queue, line.lane, line.queueNumber);
        const fits = !line.rankIsTold || rank === line.rank;
        const key = !fits ? "draw.rank_differs" : line.rankIsTold ? "draw.rank_fits" : "draw.rank_is";
        results.push([fits, t(key, { number: number(line.queueNumber), rank: number(rank), count: number(draw.counts[line.lane]) })]);
        break;
      }
      case "late": results.push([true, t("draw.late")]); break;
      case "beacon": results.push([true, t("draw.waits_for_beacon")]); break;
      default:
    }
  }
  put(list, results.map(([fits, text]) => h("li", { class: fits ? "fits" : "differs" }, icon(fits ? "check" : "warn"), text)));
}

/** The page that tells how it works and how to check it. */
export async function show(root, { params: [id], signal }) {
  put(root, skeleton(4));
  const [event, queue] = await Promise.all([api.getEvent(id, { signal }), api.queueStatus(id, { signal })]);
  title(t("draw.title"));
  const line = place(id);
  put(root, back(event.eventName, "events", id),
    h("article", { class: "prose" },
      h("h1", {}, t("draw.title")),
      !queue.draw && h("p", {}, t("draw.absent")),
      queue.draw && [
        h("p", { class: "lead" }, t("draw.lead")),
        h("ol", { class: "steps" }, [1, 2, 3, 4].map((n) => h("li", {}, t(`draw.step${n}`)))),
        lots(event, { ...line, lane: line?.lane ?? 0, queueNumber: line?.queueNumber ?? null, draw: { ...queue.draw, noted: line?.draw?.noted } }),
        h("h2", {}, t("draw.yourself")),
        h("p", {}, t("draw.yourself_text")),
        h("p", {}, h("a", { class: "button quiet", href: `/events/${encodeURIComponent(id)}/queue`, download: `${id}-queue.json` }, t("draw.data"))),
        h("pre", { class: "command", tabindex: "0" }, h("code", {}, `boxoffice verify-draw ${id} --from ${id}-queue.json \\\n  --commitment ${line?.draw?.noted ?? queue.draw.commitment}${line?.queueNumber ? ` \\\n  --number ${line.queueNumber} --lane ${line.lane}` : ""}`)),
      ]));
}

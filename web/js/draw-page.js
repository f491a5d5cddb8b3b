// The draw: a panel in the waiting room and a page of its own, which explain it and verify it in the browser.

import { href } from "./address.js";
import * as api from "./api.js";
import { canVerify, commitmentOf, progressOf, rankOf } from "./draw.js";
import { h, icon, put } from "./dom.js";
import { number, t } from "./i18n.js";
import { placeIn } from "./queue.js";
import { backLink, setTitle, skeleton } from "./ui.js";

const code = (text) => h("code", { class: "hash" }, text);

/** The current state of the draw, for a user in line. */
export function drawPanel(event, place) {
  const { draw } = place;
  const open = draw.secret !== undefined;
  const checks = h("ul", { class: "checks" });
  if (open && canVerify()) verify({ eventId: event.eventId, draw }, place, checks);
  return h("section", { class: "panel draw", "aria-labelledby": "draw-title" },
    h("h2", { id: "draw-title" }, icon("dice"), t("draw.title")),
    h("p", {}, t(!open ? "draw.before" : place.queueNumber && canVerify() ? "draw.after" : "draw.after_others")),
    h("dl", { class: "hashes" },
      h("dt", {}, t("draw.commitment")), h("dd", {}, code(draw.commitment)),
      draw.beacon && [h("dt", {}, t("draw.beacon")), h("dd", {}, draw.beacon.source, draw.beacon.value && [h("br", {}), code(draw.beacon.value)])],
      open && [h("dt", {}, t("draw.secret")), h("dd", {}, code(draw.secret))],
      draw.count !== undefined && [h("dt", {}, t("draw.count")), h("dd", {}, number(draw.count))]),
    checks,
    h("p", {}, h("a", { href: href("e", event.eventId, "draw") }, t("draw.how"))));
}

/** Verifies the secret, the commitment and the rank, and lists the results. */
async function verify(queue, place, list) {
  const { draw } = queue;
  const results = [];
  const same = (await commitmentOf(draw.secret)) === draw.commitment;
  results.push([same, t(same ? "draw.secret_fits" : "draw.secret_differs")]);
  if (place?.draw?.noted) {
    const kept = place.draw.noted === draw.commitment;
    results.push([kept, t(kept ? "draw.noted_fits" : "draw.noted_differs")]);
  }
  if (place?.queueNumber) {
    switch (progressOf(draw, place.lane, place.queueNumber)) {
      case "drawn": {
        const rank = await rankOf(queue, place.lane, place.queueNumber);
        const fits = !place.rankIsTold || rank === place.rank;
        const key = !fits ? "draw.rank_differs" : place.rankIsTold ? "draw.rank_fits" : "draw.rank_is";
        results.push([fits, t(key, { number: number(place.queueNumber), rank: number(rank), count: number(draw.counts[place.lane]) })]);
        break;
      }
      case "late": results.push([true, t("draw.late")]); break;
      case "beacon": results.push([true, t("draw.waits_for_beacon")]); break;
      default:
    }
  }
  put(list, results.map(([fits, text]) => h("li", { class: fits ? "fits" : "differs" }, icon(fits ? "check" : "warn"), text)));
}

/** The page that explains how the draw works and how to verify it. */
export async function show(root, { params: [id], signal }) {
  put(root, skeleton(4));
  const [event, queue] = await Promise.all([api.getEvent(id, { signal }), api.queueStatus(id, { signal })]);
  setTitle(t("draw.title"));
  const place = placeIn(id);
  put(root, backLink(event.eventName, "e", id),
    h("article", { class: "prose" },
      h("h1", {}, t("draw.title")),
      !queue.draw && h("p", {}, t("draw.absent")),
      queue.draw && [
        h("p", { class: "lead" }, t("draw.lead")),
        h("ol", { class: "steps" }, [1, 2, 3, 4].map((n) => h("li", {}, t(`draw.step${n}`)))),
        drawPanel(event, { ...place, lane: place?.lane ?? 0, queueNumber: place?.queueNumber ?? null, draw: { ...queue.draw, noted: place?.draw?.noted } }),
        h("h2", {}, t("draw.yourself")),
        h("p", {}, t("draw.yourself_text")),
        h("p", {}, h("a", { class: "button quiet", href: `/events/${encodeURIComponent(id)}/queue`, download: `${id}-queue.json` }, t("draw.data"))),
        h("pre", { class: "command", tabindex: "0" }, h("code", {}, `boxoffice verify-draw ${id} --from ${id}-queue.json \\\n  --commitment ${place?.draw?.noted ?? queue.draw.commitment}${place?.queueNumber ? ` \\\n  --number ${place.queueNumber} --lane ${place.lane}` : ""}`)),
      ]));
}

// The draw: its result, and a page of its own that explains it, and proves it in the browser.

import { href } from "./address.js";
import * as api from "./api.js";
import { canVerify, commitmentOf, progressOf, rankOf } from "./draw.js";
import { h, icon, put } from "./dom.js";
import { number, t } from "./i18n.js";
import { placeIn } from "./queue.js";
import { backLink, setTitle, skeleton } from "./ui.js";

const code = (text) => h("code", { class: "hash" }, text);

/** What the draw has given to a user in line, large, with a link to the proof. */
export async function drawResult(event, place) {
  const { draw, lane, queueNumber } = place;
  const progress = progressOf(draw, lane, queueNumber);
  const rank = progress !== "drawn" ? null : canVerify() ? await rankOf({ eventId: event.eventId, draw }, lane, queueNumber) : place.rank;
  return h("section", { class: "panel draw", "aria-labelledby": "draw-title" },
    h("h2", { id: "draw-title" }, icon("dice"), t("draw.title")),
    rank ? h("p", { class: "drawn", "data-testid": "drawn" }, drawnText(draw, lane, rank)) : h("p", {}, t({ none: "draw.before", late: "draw.late", beacon: "draw.waits_for_beacon" }[progress] ?? "draw.after")),
    h("p", {}, h("a", { class: "button quiet small", href: href("e", event.eventId, "draw") }, t(rank ? "draw.see_proof" : "draw.how"))));
}

/** "You drew number 17 of 2,143", with the numbers in large type. */
function drawnText(draw, lane, rank) {
  const count = draw.counts[lane];
  const text = draw.counts.length > 1 ? t("draw.drawn_lane", { rank: "\u0001", count, lane: lane + 1 }) : t("draw.drawn", { rank: "\u0001", count });
  const [before, after] = text.split("\u0001");
  return [before, h("b", {}, number(rank)), after];
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

/** The values that decide the draw, for those who want to compute it themselves. */
function values(id, draw, place) {
  return h("details", { class: "panel" },
    h("summary", {}, t("draw.values")),
    h("dl", { class: "hashes" },
      h("dt", {}, t("draw.commitment")), h("dd", {}, code(draw.commitment)),
      draw.beacon && [h("dt", {}, t("draw.beacon")), h("dd", {}, draw.beacon.source, draw.beacon.value && [h("br", {}), code(draw.beacon.value)])],
      draw.secret !== undefined && [h("dt", {}, t("draw.secret")), h("dd", {}, code(draw.secret))],
      draw.count !== undefined && [h("dt", {}, t("draw.count")), h("dd", {}, number(draw.count))]),
    h("p", {}, t("draw.yourself_text")),
    h("p", {}, h("a", { class: "button quiet small", href: `/events/${encodeURIComponent(id)}/queue`, download: `${id}-queue.json` }, t("draw.data"))),
    h("pre", { class: "command", tabindex: "0" }, h("code", {}, `boxoffice verify-draw ${id} --from ${id}-queue.json \\\n  --commitment ${place?.draw?.noted ?? draw.commitment}${place?.queueNumber ? ` \\\n  --number ${place.queueNumber} --lane ${place.lane}` : ""}`)));
}

/** The page that explains how the draw works, and proves it. */
export async function show(root, { params: [id], signal }) {
  put(root, skeleton(4));
  const [event, queue] = await Promise.all([api.getEvent(id, { signal }), api.queueStatus(id, { signal })]);
  setTitle(t("draw.title"));
  const place = placeIn(id);
  const { draw } = queue;
  if (!draw) {
    put(root, backLink(event.eventName, "e", id), h("article", { class: "prose" }, h("h1", {}, t("draw.title")), h("p", {}, t("draw.absent"))));
    return;
  }
  const mine = { ...place, lane: place?.lane ?? 0, queueNumber: place?.queueNumber ?? null, draw: { ...draw, noted: place?.draw?.noted } };
  const checks = h("ul", { class: "checks" });
  const isOpen = draw.secret !== undefined;
  const rank = place?.queueNumber && progressOf(draw, place.lane, place.queueNumber) === "drawn" ? (canVerify() ? await rankOf(queue, place.lane, place.queueNumber) : place.rank) : null;
  put(root, backLink(event.eventName, "e", id),
    h("article", { class: "prose" },
      h("h1", {}, t("draw.title")),
      rank && h("p", { class: "drawn" }, drawnText(draw, place.lane, rank)),
      h("p", { class: "lead" }, t("draw.lead")),
      h("h2", {}, t("draw.steps")),
      h("ol", { class: "steps" }, [1, 2, 3, 4].map((n) => h("li", {}, t(`draw.step${n}`)))),
      h("h2", { id: "proof" }, t("draw.proof")),
      h("p", {}, t(!isOpen ? "draw.proof_later" : canVerify() ? "draw.proof_here" : "draw.proof_elsewhere")),
      checks,
      values(id, draw, place)));
  if (isOpen && canVerify()) await verify(queue, mine, checks);
}

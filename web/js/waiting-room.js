// The waiting room: the user's position, the expected wait, and then the turn.

import { go, href, redirect } from "./address.js";
import * as api from "./api.js";
import { shopAddress } from "./chosen-date.js";
import { drawResult } from "./draw-page.js";
import { announce, confirm, focusHeading, h, icon, put, s, setText } from "./dom.js";
import { dayAndTime, duration, number, t } from "./i18n.js";
import { askToNotify, canNotify, notifications, stopNotifying } from "./notify.js";
import { nextOpening } from "./presale.js";
import { checkSoon, joinQueue, leaveQueue, placeIn, watchPlace } from "./queue.js";
import { isOn, setOn } from "./sound.js";
import { watch } from "./storage.js";
import { asyncButton, backLink, countdown, errorPanel, notice, setTitle, skeleton } from "./ui.js";

/** Screen readers announce the position at most this often. */
const SPEAK_EVERY_MS = 20000;

/** Why the expected wait has changed. */
const REASONS = { slower: "room.slower", faster: "room.faster", resumed: "room.resumed" };

/** Why nobody is called. */
const STOPPED = { paused: "room.paused", sold_out: "room.sold_out", all_held: "room.all_held" };

export async function show(root, { params: [id], signal }) {
  put(root, skeleton(4));
  // The place knows the number of lanes after its first poll only.
  const [event, queue] = await Promise.all([api.getEvent(id, { signal }), placeIn(id)?.lanes ? null : api.queueStatus(id, { signal }).catch(() => null)]);
  if (!placeIn(id)) {
    redirect("e", id);
    return;
  }
  const problem = h("div", {});
  const body = h("div", { class: "room" });
  put(root, backLink(event.eventName, "e", id), body, problem);
  const view = new WaitingRoom(event, queue?.lanes.length ?? 1, body, problem, signal);
  view.draw();
  watchPlace(id, () => view.draw(), signal);
}

class WaitingRoom {
  constructor(event, lanesAtFirst, body, problem, signal) {
    Object.assign(this, { event, lanesAtFirst, body, problem, signal, shown: null, spokenAt: 0, spoken: null });
  }

  draw() {
    const { event } = this;
    const place = placeIn(event.eventId);
    if (!place) {
      redirect("e", event.eventId);
      return;
    }
    // Rebuilt only when the status changes; numbers are updated in place.
    if (this.shown !== place.status) {
      const before = this.shown;
      this.shown = place.status;
      put(this.problem);
      put(this.body, this[place.status](place, before));
      if (before !== null && place.status !== "ACTIVE") focusHeading(this.body);
    }
    if (place.status === "WAITING") this.update(place);
  }

  WAITING() {
    const { event } = this;
    this.number = h("p", { class: "position", "data-testid": "position" });
    this.caption = h("p", { class: "position-caption" });
    this.bar = h("div", { class: "progress", role: "progressbar", "aria-label": t("room.progress"), "aria-valuemin": "0", "aria-valuemax": "100" }, h("i", {}));
    this.gone = h("p", { class: "quiet-text", "data-testid": "gone" });
    this.ahead = h("dd", {});
    this.wait = h("dd", { "data-testid": "wait" });
    this.queueNumber = h("dd", {});
    this.why = h("p", { class: "why", role: "status", "data-testid": "why" });
    this.lanes = h("p", { class: "quiet-text" });
    this.state = h("div", { class: "room-state" });
    this.drawPanel = h("div", {});
    return [
      h("div", { class: "panel room-panel" },
        h("h1", {}, t("room.title")),
        h("p", { class: "lead" }, event.eventName),
        this.state,
        this.number, this.caption, this.bar, this.gone,
        h("dl", { class: "facts" },
          h("div", {}, h("dt", {}, t("room.ahead")), this.ahead),
          h("div", {}, h("dt", {}, t("room.wait")), this.wait),
          h("div", {}, h("dt", {}, t("room.number")), this.queueNumber)),
        this.why, this.lanes,
        h("p", { class: "calm" }, t("room.calm"))),
      this.drawPanel,
      tellMe(this.signal),
      h("div", { class: "actions spread" },
        h("a", { class: "button quiet", href: href("wallet") }, icon("wallet"), t("room.wallet")),
        this.leaveButton()),
    ];
  }

  update(stored) {
    const { event } = this;
    const known = stored.position !== null && stored.position !== undefined;
    // With several lanes, the API knows the place in the user's own lane, and estimates from it how many are ahead in all.
    const lanes = stored.lanes ?? this.lanesAtFirst;
    const place = { ...stored, ahead: known ? Math.max(0, stored.position - lanes) : null };
    const isNext = known && place.ahead === 0;
    const about = (n) => (lanes > 1 && n > 0 ? t("room.about", { n }) : number(n));
    this.number.hidden = !known || (lanes > 1 && isNext);
    this.bar.hidden = !known;
    setText(this.number, !known ? "" : lanes > 1 ? number(place.ahead) : number(place.position));
    setText(this.caption, captionOf(place, known, lanes));
    setText(this.ahead, known ? about(place.ahead) : t("unknown"));
    setText(this.wait, waitText(place));
    setText(this.queueNumber, lanes > 1 ? t("room.number_lane", { n: place.queueNumber, lane: place.lane + 1 }) : number(place.queueNumber));
    setText(this.lanes, lanes > 1 ? t("room.lanes", { n: lanes, lane: place.lane + 1 }) : "");
    setText(this.why, place.estimate?.reason ? t(REASONS[place.estimate.reason]) : "");
    const share = known ? place.progress ?? 0 : 0;
    const gone = !known || !place.aheadAtStart ? "" : t(lanes > 1 ? "room.gone_about" : "room.gone", { n: place.ahead, start: place.aheadAtStart });
    setText(this.gone, gone);
    this.bar.firstElementChild.style.setProperty("--share", String(share));
    this.bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    this.bar.setAttribute("aria-valuetext", gone || (known ? captionOf(place, known, lanes) : t("room.no_position")));
    setTitle(known ? t("room.tab", { n: lanes > 1 ? place.ahead : place.position }) : event.eventName);
    this.updateState(place);
    this.updateDraw(place);
    this.speak(place, known, lanes);
  }

  updateState(place) {
    const opening = nextOpening(this.event);
    const early = opening && (place.saleState ?? this.event.state) === "NOT_OPEN";
    const kind = early ? "early" : place.saleState === "PAUSED" ? "paused" : place.shortage ?? "none";
    if (this.state.dataset.kind === kind) return;
    this.state.dataset.kind = kind;
    if (kind === "early") {
      put(this.state, h("p", { class: "opens" }, t(opening === this.event.opensAt ? "opens_at" : "presale.opens_at", { time: dayAndTime(opening, this.event.timeZone) })),
        h("p", { class: "opens-in" }, h("span", {}, t("opens_in")), " ", countdown(opening, this.signal, { label: t("opens_in"), onZero: () => checkSoon(this.event.eventId) })));
    } else if (kind !== "none") {
      const text = t(STOPPED[kind]);
      put(this.state, notice(text));
      announce(text);
    } else {
      put(this.state);
    }
  }

  updateDraw(place) {
    if (!place.draw) return;
    const stage = `${place.draw.secret ?? ""}|${place.draw.beacon?.value ?? ""}|${place.rank}`;
    if (this.drawPanel.dataset.stage === stage) return;
    this.drawPanel.dataset.stage = stage;
    drawResult(this.event, place).then((shown) => put(this.drawPanel, shown));
  }

  speak(place, known, lanes) {
    if (!known || place.position === this.spoken || Date.now() - this.spokenAt < SPEAK_EVERY_MS) return;
    this.spokenAt = Date.now();
    this.spoken = place.position;
    const said = lanes > 1 ? `${number(place.ahead)} ${captionOf(place, known, lanes)}.` : t("room.spoken", { n: place.position });
    announce(`${said} ${place.estimate?.dueAt ? `${t("room.wait")}: ${waitText(place)}` : ""}`);
  }

  ACTIVE(place, before) {
    const { event, signal } = this;
    if (before === "WAITING") {
      setTitle(t("room.turn_tab"));
    } else {
      setTitle(event.eventName);
    }
    const enterShop = h("a", { class: "button big", href: href(...shopAddress(event.eventId)), "data-testid": "to-shop" }, t("room.to_shop"));
    setTimeout(() => { if (!signal.aborted && before === "WAITING") enterShop.focus(); }, 0);
    return h("div", { class: "panel room-panel turn" },
      confetti(),
      h("h1", {}, t("room.turn")),
      h("p", { class: "lead" }, event.eventName),
      h("p", { class: "turn-clock" }, t("room.turn_left"), " ",
        countdown(() => placeIn(event.eventId)?.expiresAt ?? place.expiresAt, signal, { label: t("room.turn_left") })),
      enterShop,
      h("div", { class: "actions spread" }, this.leaveButton()));
  }

  EXPIRED(place) {
    const { event } = this;
    setTitle(event.eventName);
    if (place.cancelledAt) {
      return h("div", { class: "panel room-panel", "data-testid": "room-cancelled" },
        h("h1", {}, t("way.cancelled")),
        h("p", { class: "lead" }, event.eventName),
        h("p", {}, t("way.cancelled_text")),
        h("div", { class: "actions spread" }, h("a", { class: "button", href: href("tickets") }, icon("ticket"), t("nav.tickets")), h("a", { class: "button quiet", href: href() }, t("way.other_events"))));
    }
    const again = asyncButton(h("button", { type: "button", class: "button big", "data-testid": "join" }, t("room.again")), async () => {
      try {
        await joinQueue(event.eventId);
      } catch (error) {
        put(this.problem, errorPanel(error, () => again.click()));
      }
    });
    return h("div", { class: "panel room-panel" },
      h("h1", {}, t("room.over")),
      h("p", { class: "lead" }, t("room.over_text")),
      again,
      h("div", { class: "actions spread" }, h("a", { class: "button quiet", href: href("tickets") }, icon("ticket"), t("nav.tickets"))));
  }

  leaveButton() {
    return asyncButton(h("button", { type: "button", class: "button quiet" }, t("room.leave")), async () => {
      const sure = await confirm({ title: t("room.leave_title"), text: t("room.leave_text"), yes: t("room.leave_yes"), no: t("room.leave_no"), danger: true });
      if (!sure) return;
      try {
        await leaveQueue(this.event.eventId);
        if (!this.signal.aborted) go("e", this.event.eventId);
      } catch (error) {
        put(this.problem, errorPanel(error));
      }
    });
  }
}

/** What the large number means. */
function captionOf(place, known, lanes) {
  if (!known) return t("room.no_position");
  if (lanes === 1) return t("room.position");
  return t(place.ahead === 0 ? "room.next_in_lane" : "room.about_ahead");
}

/** The expected wait in words; while nobody is called, there is none. */
function waitText({ estimate, saleState, shortage }) {
  if (saleState === "PAUSED") return t("state.PAUSED");
  if (shortage || !estimate?.dueAt) return t("unknown");
  return t("about", { time: duration(Math.max(1, (estimate.dueAt - Date.now()) / 1000)) });
}

/** Offers a notification and a sound for when the turn is near and when it comes. The browser asks for permission after the click only. */
function tellMe(signal) {
  const panel = h("section", { class: "panel tell-me", "aria-labelledby": "tell-title" });
  const toggle = (testid, isOn, text, work) => h("button", { type: "button", class: "button quiet small", "aria-pressed": String(isOn), "data-testid": testid, onclick: work }, icon(isOn ? "check" : "bell"), text);
  const draw = () => {
    const state = canNotify() ? notifications() : "none";
    const focused = document.activeElement?.dataset?.testid;
    put(panel,
      h("h2", { id: "tell-title" }, t("tell.title")),
      h("p", {}, t("tell.text")),
      h("div", { class: "actions" },
        (state === "on" || state === "off") && toggle("notify", state === "on", t("tell.notify"), async () => {
          if (state === "on") stopNotifying();
          else await askToNotify();
          draw();
        }),
        toggle("ring", isOn(), t("tell.sound"), () => setOn(!isOn()))),
      state === "blocked" && h("p", { class: "quiet-text" }, t("tell.blocked")));
    if (focused && !panel.contains(document.activeElement)) panel.querySelector(`[data-testid=${focused}]`)?.focus();
  };
  watch((key) => { if (key === "sound" || key === "notify" || key === "") draw(); }, signal);
  draw();
  return panel;
}

/** Confetti. It does not move if the user prefers reduced motion (style.css). */
function confetti() {
  const pieces = Array.from({ length: 28 }, (_, i) => {
    const piece = s("rect", { x: (i * 37) % 400, y: (i * 53) % 120, width: 5 + (i % 3) * 2, height: 9, rx: 1.5, class: `paper paper-${i % 4}`, transform: `rotate(${i * 47} ${(i * 37) % 400} ${(i * 53) % 120})` });
    return piece;
  });
  return s("svg", { class: "confetti", viewBox: "0 0 400 120", preserveAspectRatio: "xMidYMin slice", "aria-hidden": "true" }, pieces);
}

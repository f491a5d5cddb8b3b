// The waiting room: the user's position, the expected wait, and then the turn.

import { go, href, redirect } from "./address.js";
import * as api from "./api.js";
import { drawPanel } from "./draw-page.js";
import { announce, confirm, h, icon, put, s, setText } from "./dom.js";
import { dayAndTime, duration, number, percent, t } from "./i18n.js";
import { checkSoon, joinQueue, leaveQueue, placeIn, watchPlace } from "./queue.js";
import { asyncButton, backLink, countdown, errorPanel, notice, setTitle, skeleton } from "./ui.js";

/** Screen readers announce the position at most this often. */
const SPEAK_EVERY_MS = 20000;

/** Why nobody is called. */
const STOPPED = { paused: "room.paused", sold_out: "room.sold_out", all_held: "room.all_held" };

export async function show(root, { params: [id], signal }) {
  put(root, skeleton(4));
  const event = await api.getEvent(id, { signal });
  if (!placeIn(id)) {
    redirect("e", id);
    return;
  }
  const problem = h("div", {});
  const body = h("div", { class: "room" });
  put(root, backLink(event.eventName, "e", id), body, problem);
  const view = new WaitingRoom(event, body, problem, signal);
  view.draw();
  watchPlace(id, () => view.draw(), signal);
}

class WaitingRoom {
  constructor(event, body, problem, signal) {
    Object.assign(this, { event, body, problem, signal, shown: null, spokenAt: 0, spoken: null });
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
    }
    if (place.status === "WAITING") this.update(place);
  }

  WAITING() {
    const { event } = this;
    this.number = h("p", { class: "position", "data-testid": "position" });
    this.caption = h("p", { class: "position-caption" });
    this.bar = h("div", { class: "progress", role: "progressbar", "aria-label": t("room.progress"), "aria-valuemin": "0", "aria-valuemax": "100" }, h("i", {}));
    this.ahead = h("dd", {});
    this.wait = h("dd", {});
    this.queueNumber = h("dd", {});
    this.state = h("div", { class: "room-state" });
    this.drawPanel = h("div", {});
    return [
      h("div", { class: "panel room-panel" },
        h("h1", {}, t("room.title")),
        h("p", { class: "lead" }, event.eventName),
        this.state,
        this.number, this.caption, this.bar,
        h("dl", { class: "facts" },
          h("div", {}, h("dt", {}, t("room.ahead")), this.ahead),
          h("div", {}, h("dt", {}, t("room.wait")), this.wait),
          h("div", {}, h("dt", {}, t("room.number")), this.queueNumber)),
        h("p", { class: "calm" }, t("room.calm"))),
      this.drawPanel,
      h("div", { class: "actions spread" },
        h("a", { class: "button quiet", href: href("wallet") }, icon("wallet"), t("room.wallet")),
        this.leaveButton()),
    ];
  }

  update(place) {
    const { event } = this;
    const known = place.position !== null && place.position !== undefined;
    this.number.hidden = !known;
    this.bar.hidden = !known;
    setText(this.number, known ? number(place.position) : "");
    setText(this.caption, known ? t("room.position") : t("room.no_position"));
    setText(this.ahead, known ? number(Math.max(0, place.position - 1)) : t("unknown"));
    setText(this.wait, place.waitSeconds ? t("about", { time: duration(place.waitSeconds) }) : t("unknown"));
    setText(this.queueNumber, number(place.queueNumber));
    const share = place.progress ?? 0;
    this.bar.firstElementChild.style.setProperty("--share", String(share));
    this.bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    this.bar.setAttribute("aria-valuetext", known ? t("room.progress_text", { n: place.position, share: percent(share) }) : t("room.no_position"));
    setTitle(known ? t("room.tab", { n: place.position }) : event.eventName);
    this.updateState(place);
    this.updateDraw(place);
    this.speak(place, known);
  }

  updateState(place) {
    const early = this.event.opensAt && (place.saleState ?? this.event.state) === "NOT_OPEN";
    const kind = early ? "early" : place.saleState === "PAUSED" ? "paused" : place.shortage ?? "none";
    if (this.state.dataset.kind === kind) return;
    this.state.dataset.kind = kind;
    if (kind === "early") {
      put(this.state, h("p", { class: "opens" }, t("opens_at", { time: dayAndTime(this.event.opensAt) })),
        h("p", { class: "opens-in" }, h("span", {}, t("opens_in")), " ", countdown(this.event.opensAt, this.signal, { label: t("opens_in"), onZero: () => checkSoon(this.event.eventId) })));
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
    const stage = `${place.draw.commitment}|${place.draw.secret ?? ""}|${place.draw.beacon?.value ?? ""}|${place.rank}`;
    if (this.drawPanel.dataset.stage === stage) return;
    this.drawPanel.dataset.stage = stage;
    put(this.drawPanel, drawPanel(this.event, place));
  }

  speak(place, known) {
    if (!known || place.position === this.spoken || Date.now() - this.spokenAt < SPEAK_EVERY_MS) return;
    this.spokenAt = Date.now();
    this.spoken = place.position;
    announce(t("room.spoken", { n: place.position, wait: place.waitSeconds ? t("about", { time: duration(place.waitSeconds) }) : "" }));
  }

  ACTIVE(place, before) {
    const { event, signal } = this;
    if (before === "WAITING") {
      setTitle(t("room.turn_tab"));
    } else {
      setTitle(event.eventName);
    }
    const enterShop = h("a", { class: "button big", href: href("e", event.eventId, "shop"), "data-testid": "to-shop" }, t("room.to_shop"));
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

  EXPIRED() {
    const { event } = this;
    setTitle(event.eventName);
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

/** Confetti. It does not move if the user prefers reduced motion (style.css). */
function confetti() {
  const pieces = Array.from({ length: 28 }, (_, i) => {
    const piece = s("rect", { x: (i * 37) % 400, y: (i * 53) % 120, width: 5 + (i % 3) * 2, height: 9, rx: 1.5, class: `paper paper-${i % 4}`, transform: `rotate(${i * 47} ${(i * 37) % 400} ${(i * 53) % 120})` });
    return piece;
  });
  return s("svg", { class: "confetti", viewBox: "0 0 400 120", preserveAspectRatio: "xMidYMin slice", "aria-hidden": "true" }, pieces);
}

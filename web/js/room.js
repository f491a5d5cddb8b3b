// The waiting room. One look says how far it still is; nothing has to be done but wait.

import * as api from "./api.js";
import { announce, confirm, h, icon, put, s, say } from "./dom.js";
import { dayAndTime, duration, number, percent, t } from "./i18n.js";
import { enter, leave, place, soon, watchPlace } from "./line.js";
import { back, countdown, doing, go, href, instead, notice, skeleton, title, trouble } from "./parts.js";

/** The position is said aloud no more often than this. */
const SPEAK_EVERY_MS = 20000;

export async function show(root, { params: [id], signal }) {
  put(root, skeleton(4));
  const event = await api.getEvent(id, { signal });
  if (!place(id)) {
    instead("events", id);
    return;
  }
  const problem = h("div", {});
  const body = h("div", { class: "room" });
  put(root, back(event.eventName, "events", id), body, problem);
  const room = new Room(event, body, problem, signal);
  room.draw();
  watchPlace(id, () => room.draw(), signal);
}

class Room {
  constructor(event, body, problem, signal) {
    Object.assign(this, { event, body, problem, signal, shown: null, spokenAt: 0, spoken: null });
  }

  draw() {
    const { event } = this;
    const line = place(event.eventId);
    if (!line) {
      instead("events", event.eventId);
      return;
    }
    // Rebuilt only when the kind of screen changes; numbers change in place.
    if (this.shown !== line.status) {
      const before = this.shown;
      this.shown = line.status;
      put(this.problem);
      put(this.body, this[line.status](line, before));
    }
    if (line.status === "WAITING") this.update(line);
  }

  WAITING() {
    const { event } = this;
    this.number = h("p", { class: "position", "data-testid": "position" });
    this.caption = h("p", { class: "position-caption" });
    this.bar = h("div", { class: "progress", role: "progressbar", "aria-label": t("room.progress"), "aria-valuemin": "0", "aria-valuemax": "100" }, h("i", {}));
    this.ahead = h("dd", {});
    this.wait = h("dd", {});
    this.ticketNumber = h("dd", {});
    this.state = h("div", { class: "room-state" });
    this.lots = h("div", {});
    return [
      h("div", { class: "panel room-panel" },
        h("h1", {}, t("room.title")),
        h("p", { class: "lead" }, event.eventName),
        this.state,
        this.number, this.caption, this.bar,
        h("dl", { class: "facts" },
          h("div", {}, h("dt", {}, t("room.ahead")), this.ahead),
          h("div", {}, h("dt", {}, t("room.wait")), this.wait),
          h("div", {}, h("dt", {}, t("room.number")), this.ticketNumber)),
        h("p", { class: "calm" }, t("room.calm"))),
      this.lots,
      h("div", { class: "actions spread" },
        h("a", { class: "button quiet", href: href("wallet") }, icon("wallet"), t("room.wallet")),
        this.leaver()),
    ];
  }

  update(line) {
    const { event } = this;
    const known = line.position !== null && line.position !== undefined;
    this.number.hidden = !known;
    this.bar.hidden = !known;
    say(this.number, known ? number(line.position) : "");
    say(this.caption, known ? t("room.position") : t("room.no_position"));
    say(this.ahead, known ? number(Math.max(0, line.position - 1)) : t("unknown"));
    say(this.wait, line.waitSeconds ? t("about", { time: duration(line.waitSeconds) }) : t("unknown"));
    say(this.ticketNumber, number(line.queueNumber));
    const share = line.progress ?? 0;
    this.bar.firstElementChild.style.setProperty("--share", String(share));
    this.bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    this.bar.setAttribute("aria-valuetext", known ? t("room.progress_text", { n: line.position, share: percent(share) }) : t("room.no_position"));
    title(known ? t("room.tab", { n: line.position }) : event.eventName);
    this.updateState(line);
    this.updateLots(line);
    this.speak(line, known);
  }

  updateState(line) {
    const early = this.event.opensAt && (line.saleState ?? this.event.state) === "NOT_OPEN";
    const kind = early ? "early" : line.saleState === "PAUSED" ? "paused" : "none";
    if (this.state.dataset.kind === kind) return;
    this.state.dataset.kind = kind;
    if (kind === "early") {
      put(this.state, h("p", { class: "opens" }, t("opens_at", { time: dayAndTime(this.event.opensAt) })),
        h("p", { class: "opens-in" }, h("span", {}, t("opens_in")), " ", countdown(this.event.opensAt, this.signal, { label: t("opens_in"), onZero: () => soon(this.event.eventId) })));
    } else if (kind === "paused") {
      put(this.state, notice(t("room.paused")));
    } else {
      put(this.state);
    }
  }

  async updateLots(line) {
    if (!line.draw) return;
    const stage = `${line.draw.commitment}|${line.draw.secret ?? ""}|${line.draw.beacon?.value ?? ""}|${line.rank}`;
    if (this.lots.dataset.stage === stage) return;
    this.lots.dataset.stage = stage;
    const { lots } = await import("./lots.js");
    put(this.lots, lots(this.event, line));
  }

  speak(line, known) {
    if (!known || line.position === this.spoken || Date.now() - this.spokenAt < SPEAK_EVERY_MS) return;
    this.spokenAt = Date.now();
    this.spoken = line.position;
    announce(t("room.spoken", { n: line.position, wait: line.waitSeconds ? t("about", { time: duration(line.waitSeconds) }) : "" }));
  }

  ACTIVE(line, before) {
    const { event, signal } = this;
    if (before === "WAITING") {
      title(t("room.turn_tab"));
    } else {
      title(event.eventName);
    }
    const enterShop = h("a", { class: "button big", href: href("events", event.eventId, "shop"), "data-testid": "to-shop" }, t("room.to_shop"));
    setTimeout(() => { if (!signal.aborted && before === "WAITING") enterShop.focus(); }, 0);
    return h("div", { class: "panel room-panel turn" },
      confetti(),
      h("h1", {}, t("room.turn")),
      h("p", { class: "lead" }, event.eventName),
      h("p", { class: "turn-clock" }, t("room.turn_left"), " ",
        countdown(() => place(event.eventId)?.expiresAt ?? line.expiresAt, signal, { label: t("room.turn_left") })),
      enterShop,
      h("div", { class: "actions spread" }, this.leaver()));
  }

  EXPIRED() {
    const { event } = this;
    title(event.eventName);
    const again = doing(h("button", { type: "button", class: "button big", "data-testid": "join" }, t("room.again")), async () => {
      try {
        await enter(event.eventId);
      } catch (error) {
        put(this.problem, trouble(error, () => again.click()));
      }
    });
    return h("div", { class: "panel room-panel" },
      h("h1", {}, t("room.over")),
      h("p", { class: "lead" }, t("room.over_text")),
      again,
      h("div", { class: "actions spread" }, h("a", { class: "button quiet", href: href("tickets") }, icon("ticket"), t("nav.tickets"))));
  }

  leaver() {
    return doing(h("button", { type: "button", class: "button quiet" }, t("room.leave")), async () => {
      const sure = await confirm({ title: t("room.leave_title"), text: t("room.leave_text"), yes: t("room.leave_yes"), no: t("room.leave_no"), danger: true });
      if (!sure) return;
      try {
        await leave(this.event.eventId);
        go("events", this.event.eventId);
      } catch (error) {
        put(this.problem, trouble(error));
      }
    });
  }
}

/** Some paper in the air, still for who wants no motion. */
function confetti() {
  const pieces = Array.from({ length: 28 }, (_, i) => {
    const piece = s("rect", { x: (i * 37) % 400, y: (i * 53) % 120, width: 5 + (i % 3) * 2, height: 9, rx: 1.5, class: `paper paper-${i % 4}`, transform: `rotate(${i * 47} ${(i * 37) % 400} ${(i * 53) % 120})` });
    return piece;
  });
  return s("svg", { class: "confetti", viewBox: "0 0 400 120", preserveAspectRatio: "xMidYMin slice", "aria-hidden": "true" }, pieces);
}

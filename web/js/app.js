// The page: which view is shown, and what stands around it.
//
// Views are chosen by the address's fragment (#/events/…), which never reaches the server: the paths belong to the API.

import { nameOf, watchNetwork } from "./api.js";
import { alarm, h, icon, put, say } from "./dom.js";
import { identify } from "./identity.js";
import { language, preferred, remember, t, use } from "./i18n.js";
import { keep, lines, place, whenCalled } from "./line.js";
import { countdown, empty, holds, href, skeleton, title, trouble } from "./parts.js";
import { isOn, ready, ring, turn } from "./sound.js";
import { watch } from "./store.js";
import * as events from "./events.js";

const ID = "([a-z0-9-]{1,64})";
const VIEWS = [
  [/^$/, async () => events, "events"],
  [new RegExp(`^events/${ID}$`), () => import("./event.js"), "events"],
  [new RegExp(`^events/${ID}/line$`), () => import("./room.js"), "events"],
  [new RegExp(`^events/${ID}/draw$`), () => import("./lots.js"), "events"],
  [new RegExp(`^events/${ID}/shop$`), () => import("./shop.js"), "events"],
  [new RegExp(`^events/${ID}/shop/([^/]+)$`), () => import("./seats.js"), "events"],
  [/^reservations\/([\w-]{1,128})$/, () => import("./reservation.js"), "tickets"],
  [/^tickets$/, () => import("./tickets.js"), "tickets"],
  [/^wallet$/, () => import("./wallet.js"), "wallet"],
];

const main = document.getElementById("main");
let current = null;

function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

async function render(isFirst) {
  current?.abort();
  current = new AbortController();
  const { signal } = current;
  const path = location.hash.replace(/^#?\/?/, "");
  const found = VIEWS.map(([pattern, load, section]) => ({ match: path.match(pattern), load, section })).find((view) => view.match);
  for (const link of document.querySelectorAll("[data-nav]")) {
    if (link.dataset.nav === found?.section) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  drawBars();
  const root = h("div", { class: "view" }, skeleton(4));
  put(main, root);
  if (!isFirst) {
    window.scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
  if (!found) {
    title(t("lost.title"));
    put(root, h("h1", {}, t("lost.title")), empty("pin", null, t("lost.text"), h("a", { class: "button", href: href() }, t("nav.events"))));
    return;
  }
  try {
    const view = await found.load();
    if (signal.aborted) return;
    await view.show(root, { params: found.match.slice(1).map(decoded), signal });
  } catch (error) {
    if (signal.aborted) return;
    if (error.code === undefined) console.error(error);
    title(t("trouble"));
    put(root, h("h1", { class: "unseen" }, t("trouble")), trouble(error, () => render(false), h("a", { class: "button small quiet", href: href() }, t("nav.events"))));
  }
}

/** The words that stand in the page itself. */
function drawFrame() {
  for (const element of document.querySelectorAll("[data-t]")) say(element, t(element.dataset.t));
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));
  const other = document.getElementById("language");
  other.textContent = language === "ko" ? "English" : "한국어";
  other.lang = language === "ko" ? "en" : "ko";
  drawSound();
}

function drawSound() {
  document.getElementById("sound").setAttribute("aria-pressed", String(isOn()));
}

let barsSignal = new AbortController();
let barsShown = "";

/** What waits for one elsewhere follows one everywhere: seats to be paid, a turn, a place in line. */
function drawBars() {
  const here = location.hash;
  const paying = new Set(holds().map((hold) => hold.event));
  const bars = [
    ...holds().filter((hold) => !here.includes(hold.id))
      .map((hold) => ({ kind: "pay", to: href("reservations", hold.id), text: t("hold.bar", { event: hold.name }), until: hold.until })),
    ...lines().filter((event) => !`${here}/`.startsWith(`${href("events", event)}/`)).flatMap((event) => {
      const line = place(event);
      const name = nameOf(event);
      if (line?.status === "ACTIVE" && paying.has(event)) return [];
      if (line?.status === "ACTIVE") return [{ kind: "turn", to: href("events", event, "shop"), text: t("bar.turn", { event: name }), until: line.expiresAt }];
      if (line?.status !== "WAITING") return [];
      const text = line.position ? t("bar.waiting", { event: name, n: line.position }) : t("bar.waiting_draw", { event: name });
      return [{ kind: "waiting", to: href("events", event, "line"), text }];
    }),
  ];
  const now = JSON.stringify(bars);
  if (now === barsShown) return;
  barsShown = now;
  barsSignal.abort();
  barsSignal = new AbortController();
  const { signal } = barsSignal;
  put(document.getElementById("bars"), bars.map(({ kind, to, text, until }) => h("a", { class: `bar ${kind}`, href: to },
    icon(kind === "waiting" ? "ticket" : "clock"), h("span", {}, text), until && [" ", countdown(until, signal, { onZero: () => setTimeout(drawBars, 0) })])));
}

const kept = new Map();

/** Looks after every place in line, whatever view is shown: one may fill the wallet while one waits. */
function keepLines() {
  for (const event of lines()) {
    const status = place(event)?.status;
    const before = kept.get(event);
    if (before === undefined) keep(event, new AbortController().signal);
    if (before === "WAITING" && status === "ACTIVE") {
      title(t("room.turn_tab"));
      alarm(`${nameOf(event)}: ${t("room.turn")}`);
    }
    kept.set(event, status ?? "NONE");
  }
}

async function start() {
  await Promise.all([use(preferred()), identify()]);
  drawFrame();
  const network = document.getElementById("network");
  const drawNetwork = (fine) => {
    network.classList.toggle("down", !fine);
    say(network, fine ? "" : t(navigator.onLine === false ? "network.offline" : "network.trouble"));
  };
  watchNetwork(drawNetwork);
  document.getElementById("language").addEventListener("click", async () => {
    const tag = language === "ko" ? "en" : "ko";
    remember(tag);
    await use(tag);
    drawFrame();
    render(true);
  });
  document.getElementById("sound").addEventListener("click", () => { turn(!isOn()); drawSound(); });
  document.addEventListener("pointerdown", ready, { once: true });
  document.getElementById("skip").addEventListener("click", (event) => {
    // Its target is a fragment, which here would be a view.
    event.preventDefault();
    main.focus();
  });
  watch((key) => {
    if (/^(hold|line|name)\.|^$/.test(key)) drawBars();
    if (/^line\.|^$/.test(key)) keepLines();
    if (key === "sound") drawSound();
    if (key === "idToken") identify();
  });
  // Once, however many tabs are open.
  whenCalled(ring);
  keepLines();
  window.addEventListener("hashchange", () => render(false));
  render(true);
}

start();

// The page: which view is shown, and what stands around it.
//
// Views are chosen by the address's fragment (#/events/…), which never reaches the server: the paths belong to the API.

import { watchNetwork } from "./api.js";
import { h, icon, put, say } from "./dom.js";
import { language, preferred, remember, t, use } from "./i18n.js";
import { countdown, empty, holds, href, skeleton, title, trouble } from "./parts.js";
import { isOn, ready, turn } from "./sound.js";
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
  drawHolds();
  const root = h("div", { class: "view" }, skeleton(4));
  put(main, root);
  if (!isFirst) {
    window.scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
  if (!found) {
    title(t("lost.title"));
    put(root, empty("pin", t("lost.title"), t("lost.text"), h("a", { class: "button", href: href() }, t("nav.events"))));
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

let holdsSignal = new AbortController();

/** What still has to be paid follows one everywhere. */
function drawHolds() {
  const region = document.getElementById("holds");
  holdsSignal.abort();
  holdsSignal = new AbortController();
  const { signal } = holdsSignal;
  const open = holds().filter((hold) => !location.hash.includes(hold.id));
  put(region, open.map((hold) => h("a", { class: "hold-bar", href: href("reservations", hold.id) },
    icon("clock"), h("span", {}, t("hold.bar", { event: hold.name })), " ", countdown(hold.until, signal, { onZero: () => setTimeout(drawHolds, 0) }))));
}

async function start() {
  await use(preferred());
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
    if (key.startsWith("hold.")) drawHolds();
    if (key === "sound") drawSound();
  });
  window.addEventListener("hashchange", () => render(false));
  render(true);
}

start();

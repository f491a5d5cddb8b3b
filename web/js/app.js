// The page: chooses the view, and draws what surrounds every view.
//
// The path selects the view (address.js). The server sends this page for each of these paths.

import { followLinks, go, here, href, onNavigation } from "./address.js";
import { nameOf } from "./api.js";
import { alarm, announce, confirm, focusHeading, h, icon, put, setText } from "./dom.js";
import { shopAddress } from "./chosen-date.js";
import { followOtherTabs, identifyUser, signedInUntil } from "./identity.js";
import { language, preferredLanguage, rememberLanguage, t, useLanguage } from "./i18n.js";
import { watchNetwork } from "./network.js";
import { notify } from "./notify.js";
import { lookAtCheckouts } from "./checkouts.js";
import { finishPayments } from "./payment.js";
import { joinedEvents, keepUpdated, onCalled, onNear, placeIn } from "./queue.js";
import { pendingHolds } from "./holds.js";
import { countdown, emptyPanel, errorPanel, setTitle, signInButton, skeleton } from "./ui.js";
import { finishSignIn, isOffered, isReturning, ready, signIn, signOut, state, staySignedIn, watchSignIn } from "./sign-in.js";
import { keepPage } from "./offline.js";
import { isOn, ring, setOn, unlock } from "./sound.js";
import { watch } from "./storage.js";
import * as event from "./event.js";
import * as events from "./events.js";

/** The views that most visitors open first. */
const FIRST = { event, events };
/** All others. They come last in the page, so the first ones are shown before they are here. */
const others = import("./views.js");

const ID = "([a-z0-9-]{1,64})";
/** The views by their paths, each with its name, and the link of the header that leads to it. */
const PATHS = [
  [/^$/, "events", "events"],
  [new RegExp(`^e/${ID}$`), "event", "events"],
  [new RegExp(`^e/${ID}/line$`), "waitingRoom", "events"],
  [new RegExp(`^e/${ID}/draw$`), "drawPage", "events"],
  [new RegExp(`^e/${ID}/shop$`), "buy", "events"],
  [new RegExp(`^e/${ID}/shop/([^/]+)$`), "seats", "events"],
  [/^tickets\/move$/, "move", "tickets"],
  [/^tickets\/([\w-]{1,128})$/, "reservation", "tickets"],
  [/^tickets\/([\w-]{1,128})\/receipt$/, "receipt", "tickets"],
  [/^tickets\/([\w-]{1,128})\/([0-9]{1,10})$/, "ticket", "tickets"],
  [/^tickets$/, "tickets", "tickets"],
  [/^wallet$/, "wallet", "wallet"],
  [/^wallet\/charges\/([0-9a-f-]{36})$/, "charge", "wallet"],
];

const main = document.getElementById("main");
let current = null;

/** The view of a path, by its name, or undefined. */
function viewOf(path) {
  return PATHS.map(([pattern, name, section]) => ({ match: path.slice(1).match(pattern), name, section })).find((it) => it.match);
}

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
  const found = viewOf(here());
  for (const link of document.querySelectorAll("[data-nav]")) {
    if (link.dataset.nav === found?.section) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  drawBars();
  const root = h("div", { class: "view" }, skeleton(4));
  put(main, root);
  if (!isFirst) {
    window.scrollTo(0, 0);
    document.activeElement?.blur();
  }
  await drawView(found, root, signal);
  // The browser reads the title of a page that it has just loaded, but not of a view that replaces another.
  if (!isFirst && !signal.aborted) focusHeading(root);
}

async function drawView(found, root, signal) {
  if (!found) {
    setTitle(t("lost.title"));
    put(root, h("h1", {}, t("lost.title")), emptyPanel("pin", null, t("lost.text"), h("a", { class: "button", href: href() }, t("nav.events"))));
    return;
  }
  try {
    const view = FIRST[found.name] ?? (await others).VIEWS[found.name];
    if (signal.aborted) return;
    await view.show(root, { params: found.match.slice(1).map(decoded), signal });
  } catch (error) {
    if (signal.aborted) return;
    if (error.code === undefined) console.error(error);
    setTitle(t("trouble"));
    put(root, h("h1", { class: "unseen" }, t("trouble")), errorPanel(error, () => render(false), h("a", { class: "button small quiet", href: href() }, t("nav.events"))));
  }
}

/** Translates the texts in index.html itself. */
function drawFrame() {
  for (const element of document.querySelectorAll("[data-t]")) setText(element, t(element.dataset.t));
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));
  const other = document.getElementById("language");
  other.textContent = language() === "ko" ? "English" : "한국어";
  other.lang = language() === "ko" ? "en" : "ko";
  drawSound();
  drawAccount();
}

/** The button to sign in or out, and above every view what the user must know about the sign-in. */
function drawAccount() {
  const button = document.getElementById("account");
  button.hidden = !isOffered();
  setText(button, t(signedInUntil() === null ? "sign_in" : "sign_out"));
  const told = document.getElementById("account-state");
  const isTold = isOffered() && ["ending", "ended", "failed"].includes(state());
  const shown = isTold ? `${state()} ${language()}` : "";
  if ((told.dataset.shown ?? "") === shown) return;
  told.dataset.shown = shown;
  put(told, isTold && [h("p", {}, t(`account.${state()}`)), signInButton("small")]);
}

async function changeAccount() {
  if (signedInUntil() === null) {
    await signIn().catch(() => go("tickets"));
    return;
  }
  const sure = await confirm({ title: t("sign_out.title"), text: t("sign_out.text"), yes: t("sign_out"), no: t("sign_out.no") });
  if (!sure) return;
  go();
  await signOut();
}

function drawSound() {
  document.getElementById("sound").setAttribute("aria-pressed", String(isOn()));
}

let barsSignal = new AbortController();
let barsShown = "";

/** Shows, above every view, what needs attention in other views: seats to pay for, a turn, a place in line. */
function drawBars() {
  const path = here();
  const paying = new Set(pendingHolds().map((hold) => hold.event));
  const bars = [
    ...pendingHolds().filter((hold) => !path.includes(hold.id))
      .map((hold) => ({ kind: "pay", to: href("tickets", hold.id), text: t("hold.bar", { event: hold.name }), until: hold.until })),
    ...joinedEvents().filter((event) => !`${path}/`.startsWith(`${href("e", event)}/`)).flatMap((event) => {
      const place = placeIn(event);
      const name = nameOf(event);
      if (place?.status === "ACTIVE" && paying.has(event)) return [];
      if (place?.status === "ACTIVE") return [{ kind: "turn", to: href(...shopAddress(event)), text: t("bar.turn", { event: name }), until: place.expiresAt }];
      if (place?.status !== "WAITING") return [];
      const text = !place.position ? t("bar.waiting_draw", { event: name })
        : place.lanes > 1 ? t("bar.ahead", { event: name, n: place.ahead }) : t("bar.waiting", { event: name, n: place.position });
      return [{ kind: "waiting", to: href("e", event, "line"), text }];
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

const lastStatus = new Map();

/** Keeps every place in line up to date, whichever view is shown: users may e.g. top up their wallet while they wait. */
function watchPlaces() {
  for (const event of joinedEvents()) {
    const status = placeIn(event)?.status;
    const before = lastStatus.get(event);
    if (before === undefined) keepUpdated(event, new AbortController().signal);
    if (before === "WAITING" && status === "ACTIVE") {
      setTitle(t("room.turn_tab"));
      alarm(`${nameOf(event)}: ${t("room.turn")}`);
    }
    lastStatus.set(event, status ?? "NONE");
  }
}

async function start() {
  useLanguage(preferredLanguage());
  if (isReturning()) {
    put(main, skeleton(4));
    await finishSignIn();
  }
  await identifyUser();
  drawFrame();
  watchSignIn(drawAccount);
  ready().then(drawAccount);
  const network = document.getElementById("network");
  const drawNetwork = ({ trouble, action }) => {
    network.classList.toggle("down", trouble !== null);
    setText(network, trouble === null ? "" : t(`network.${trouble}${action ? "_action" : ""}`));
  };
  watchNetwork(drawNetwork);
  document.getElementById("language").addEventListener("click", () => {
    const tag = language() === "ko" ? "en" : "ko";
    rememberLanguage(tag);
    useLanguage(tag);
    drawFrame();
    render(true);
  });
  document.getElementById("account").addEventListener("click", changeAccount);
  document.getElementById("sound").addEventListener("click", () => { setOn(!isOn()); drawSound(); });
  document.addEventListener("pointerdown", unlock, { once: true });
  document.getElementById("skip").addEventListener("click", (event) => {
    // The fragment would stay in the address.
    event.preventDefault();
    document.activeElement.blur();
    focusHeading(main);
  });
  watch((key) => {
    if (/^(hold|line|name)\.|^$/.test(key)) drawBars();
    if (/^line\.|^$/.test(key)) watchPlaces();
    if (key === "sound") drawSound();
    if (/^user$|^$/.test(key)) {
      followOtherTabs();
      drawAccount();
    }
  });
  staySignedIn();
  // In one tab only, even if several are open.
  onCalled((event) => {
    ring(false);
    notify(t("room.turn"), nameOf(event), `turn-${event}`);
  });
  onNear((event) => {
    ring(true);
    notify(t("room.near"), t("room.near_text", { event: nameOf(event) }), `turn-${event}`);
    announce(`${nameOf(event)}: ${t("room.near")}`);
  });
  watchPlaces();
  followLinks((path) => viewOf(path) !== undefined);
  onNavigation(() => render(false));
  finishPayments();
  if (viewOf(here())?.name !== "charge") lookAtCheckouts();
  await render(true);
  keepPage();
}

start();

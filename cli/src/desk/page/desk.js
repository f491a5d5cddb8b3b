// The operator's page: opens the view of the address, and keeps it fresh.
import { loadDesk, takeKey } from "./api.js";
import { byId } from "./dom.js";
import * as event from "./event.js";
import * as events from "./events.js";
import * as journal from "./journal.js";
import * as orders from "./orders.js";
import * as withdrawals from "./withdrawals.js";
import { currentLanguage, setCurrency, setLanguage, time, translatePage, word } from "./words.js";

/** By the first part of the address: what opens it alone, and what opens it with an id. */
const VIEWS = {
  events: [events.open, event.open],
  orders: [orders.open, orders.openStory],
  journal: [journal.open],
  withdrawals: [withdrawals.open],
};

/** The view that is open: {name, refresh, everyMs, timer}. */
let current = null;

function showConnection(text, lost) {
  byId("connection").textContent = text;
  byId("connection").classList.toggle("lost", Boolean(lost));
}

async function guarded(view, work) {
  try {
    await work();
    if (view === current) showConnection(word("updated", time(Date.now())));
  } catch (error) {
    if (view === current) showConnection(error.status ? error.message : word("lost"), true);
  }
}

/** A refresh begins when the one before has ended. */
function schedule(view) {
  if (!view.refresh || view !== current) return;
  view.timer = setTimeout(async () => {
    if (document.visibilityState === "visible") await guarded(view, view.refresh);
    schedule(view);
  }, view.everyMs);
}

async function openView() {
  const [, address = "", query = ""] = /^#\/([^?]*)\??(.*)$/.exec(location.hash) ?? [];
  const [name, id] = address.split("/");
  const known = VIEWS[name] ? name : "events";
  const [alone, one] = VIEWS[known];
  if (current) clearTimeout(current.timer);
  const view = { name: known };
  current = view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === known) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  // A view that is still loading fills an element that is not shown any more.
  const into = document.createElement("div");
  into.className = "view";
  byId("main").replaceChildren(into);
  await guarded(view, async () => {
    const opened = id && one ? await one(into, decodeURIComponent(id), query) : await alone(into, undefined, query);
    Object.assign(view, opened);
    await view.refresh?.();
  });
  schedule(view);
}

byId("language").addEventListener("click", () => {
  setLanguage(currentLanguage() === "ko" ? "en" : "ko");
  openView();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && current?.refresh) guarded(current, current.refresh);
});
window.addEventListener("hashchange", async () => {
  if (takeKey()) await start();
  else {
    await openView();
    byId("main").focus({ preventScroll: true });
    scrollTo(0, 0);
  }
});

async function start() {
  translatePage();
  try {
    const { role, currency } = await loadDesk();
    byId("role").textContent = word(`role_${role}`);
    setCurrency(currency);
    await openView();
  } catch (error) {
    showConnection(error.status ? error.message : word("lost"), true);
  }
}

takeKey();
await start();

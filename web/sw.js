// The service worker: it has the shop's page open without a network, so that tickets can be shown at the entrance.
//
// It keeps the page and nothing else. It never answers requests of the API: money and queue are never served from a cache. The tickets
// themselves are in the browser's storage (kept-tickets.js).

const CACHE = "shop-{version}";
/** The page without the data that the server puts into the pages of the list and of events: it is shown at every path. */
const PAGE = "/tickets";
/** The paths of the shop's views (address.js). */
const VIEWS = /^\/($|e\/|tickets($|\/)|wallet$)/;
/** A network that is slower than this counts as none, if the page is kept: at an entrance, many phones share one. */
const PATIENCE_MS = 4000;

self.addEventListener("install", (event) => {
  // Asks the server, not the browser's cache, because this version belongs to a new page.
  event.waitUntil(caches.open(CACHE).then((cache) => cache.add(new Request(PAGE, { cache: "no-cache" }))).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const forget = async () => {
    for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(forget());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const isView = request.mode === "navigate" && request.method === "GET" && VIEWS.test(new URL(request.url).pathname);
  if (isView) event.respondWith(page(request));
});

/** The page from the network; without an answer in time, the kept one, which is the same for all views. */
async function page(request) {
  const online = fetch(request);
  const kept = await caches.match(PAGE, { cacheName: CACHE, ignoreVary: true });
  if (!kept) return online;
  const late = new Promise((resolve) => { setTimeout(() => resolve(null), PATIENCE_MS); });
  try {
    const answer = await Promise.race([online, late]);
    // A server that fails is like none.
    return answer && answer.status < 500 ? answer : kept;
  } catch {
    return kept;
  }
}

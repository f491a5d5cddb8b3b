// Has the service worker (sw.js) keep the shop's page, once this browser keeps a ticket. Others do not need it: the many who wait for a
// sale would only load the page twice.

import { keptTickets } from "./kept-tickets.js";
import { watch } from "./storage.js";

const WORKER = "/sw.js";

// The content security policy lets only a policy of this name make addresses of scripts, and a page can create it once.
const policy = window.trustedTypes?.createPolicy("service-worker", { createScriptURL: () => WORKER });
let isRegistered = false;

function register() {
  if (isRegistered || !navigator.serviceWorker || keptTickets().length === 0) return;
  isRegistered = true;
  navigator.serviceWorker.register(policy?.createScriptURL("") ?? WORKER).catch(() => { isRegistered = false; });
}

/** Registers the service worker now or when the first ticket is kept. */
export function keepPage() {
  register();
  watch((key) => { if (key.startsWith("reservation.")) register(); });
}

// Notifications of the browser that the turn is near or has come. They are off until the user asks for them here.

import { get, set } from "./storage.js";

/** Browsers on iPhones have them only for installed pages. */
export const canNotify = () => "Notification" in window;

/** "on", "off", or "blocked" in the browser's settings. */
export function notifications() {
  if (Notification.permission === "denied") return "blocked";
  return Notification.permission === "granted" && get("notify") === true ? "on" : "off";
}

/** Switches notifications on, in answer to a click: the browser asks the user. */
export async function askToNotify() {
  if ((await Notification.requestPermission()) === "granted") set("notify", true);
}

export function stopNotifying() {
  set("notify", false);
}

/** Shows a notification, unless the user is looking at this page. A later one with the same tag replaces it. */
export async function notify(title, text, tag) {
  const isSeen = document.visibilityState === "visible" && document.hasFocus();
  if (isSeen || !canNotify() || notifications() !== "on") return;
  const options = { body: text, tag, renotify: true, icon: document.querySelector("link[rel=icon]").href };
  try {
    const shown = new Notification(title, options);
    shown.onclick = () => {
      window.focus();
      shown.close();
    };
  } catch {
    // Chrome on Android wants a service worker to show them.
    const worker = await navigator.serviceWorker?.getRegistration().catch(() => null);
    await worker?.showNotification(title, options).catch(() => {});
  }
}

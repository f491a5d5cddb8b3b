// Sharing a link with other people: the device's own dialog, otherwise the clipboard.

import { alarm, announce, h, icon } from "./dom.js";
import { t } from "./i18n.js";
import { asyncButton } from "./ui.js";

/** Returns "shared", "copied", "cancelled" or "failed". */
async function share({ title, text, url }) {
  if (navigator.share) {
    try {
      await navigator.share({ title, text, url });
      return "shared";
    } catch (error) {
      if (error.name === "AbortError") return "cancelled";
    }
  }
  try {
    await navigator.clipboard.writeText(url);
    return "copied";
  } catch {
    return "failed";
  }
}

/** A button that shares a link. If neither way works, the link is shown, to be copied by hand. */
export function shareButton(name, entry) {
  const told = h("span", { class: "quiet-text", "data-testid": "shared" });
  const button = asyncButton(h("button", { type: "button", class: "button quiet", "data-testid": "share" }, icon("share"), name), async () => {
    const outcome = await share(entry);
    told.textContent = { copied: t("share.copied"), failed: entry.url }[outcome] ?? "";
    if (outcome === "copied") announce(t("share.copied"));
    if (outcome === "failed") alarm(t("share.failed"));
  });
  return [button, told];
}

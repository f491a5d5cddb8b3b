// Moving to another device, where users are not signed in by an issuer: one device shows a link and a code of one use, the other uses it.

import { go, here } from "./address.js";
import * as api from "./api.js";
import { alarm, announce, h, icon, put } from "./dom.js";
import { uuid } from "./identity.js";
import { t } from "./i18n.js";
import { keptTickets } from "./kept-tickets.js";
import { shareButton } from "./share.js";
import { isOffered, ready } from "./sign-in.js";
import { get, keys, session } from "./storage.js";
import { codeImage } from "./ticket-code.js";
import { asyncButton, backLink, countdown, emptyPanel, errorPanel, errorText, setTitle, signInButton } from "./ui.js";

/** The use of a link that this tab has begun, {code, key}: after a lost answer or a reload, it is repeated under the same key. */
const BEGUN = "move";

export async function show(root, { signal }) {
  setTitle(t("move.title"));
  // The code is in the fragment, which is sent to no server. It does not stay in the address.
  const code = decodeURIComponent(location.hash.slice(1));
  if (code) history.replaceState(null, "", here());
  const begun = session.get(BEGUN);
  const offered = code || begun?.code;
  const head = [backLink(t("nav.tickets"), "tickets"), h("h1", {}, t("move.title"))];
  if (await ready() && isOffered()) {
    if (!signal.aborted) put(root, head, emptyPanel("lock", null, t("error.sign_in_instead"), signInButton()));
    return;
  }
  if (signal.aborted) return;
  if (offered) put(root, head, usePanel(offered));
  else put(root, head, h("div", { class: "move" }, makePanel(signal), typePanel()));
}

/** Whether this browser has something of its own that would be set aside. */
const hasOwn = () => get("user") !== null && (keptTickets().length > 0 || keys("token.").length > 0);

/** Asks before this device becomes the link's user. */
function usePanel(code) {
  const problem = h("div", {});
  const use = async () => {
    put(problem);
    const begun = session.get(BEGUN);
    const key = begun?.code === code ? begun.key : uuid();
    session.set(BEGUN, { code, key });
    try {
      await api.redeemLink(code, key);
      session.remove(BEGUN);
      announce(t("move.done"));
      go("tickets");
    } catch (error) {
      if (["link_not_valid", "invalid_request"].includes(error.code)) session.remove(BEGUN);
      alarm(errorText(error));
      put(problem, errorPanel(error, () => button.click(), h("button", { type: "button", class: "button small quiet", onclick: leave }, t("move.other_code"))));
    }
  };
  const leave = () => {
    session.remove(BEGUN);
    go("tickets", "move");
  };
  const button = asyncButton(h("button", { type: "button", class: "button big", "data-testid": "use-link" }, t("move.use")), use);
  return h("section", { class: "panel" },
    h("p", {}, t("move.use_text")),
    hasOwn() && h("p", { class: "notice", "data-testid": "aside" }, icon("warn"), t("move.aside")),
    problem, h("div", { class: "actions" }, button, h("button", { type: "button", class: "button quiet", onclick: leave }, t("move.not"))));
}

/** On the device that has the tickets. */
function makePanel(signal) {
  const shown = h("div", { class: "move-link" });
  const make = async () => {
    put(shown);
    try {
      const { code, expiresAt } = await api.linkDevice();
      const url = `${location.origin}${here()}#${code}`;
      put(shown,
        codeImage(url, t("move.qr")),
        h("p", {}, t("move.type")),
        h("p", { class: "move-code", "data-testid": "link-code" }, code),
        h("p", { class: "quiet-text" }, t("move.left"), " ", countdown(expiresAt, signal, { label: t("move.left"), onZero: () => put(shown, h("p", {}, t("move.over"))) })),
        h("div", { class: "actions" }, shareButton(t("move.send"), { title: t("move.title"), text: t("move.send_text"), url })));
    } catch (error) {
      put(shown, errorPanel(error, () => button.click()));
    }
  };
  const button = asyncButton(h("button", { type: "button", class: "button", "data-testid": "make-link" }, icon("code"), t("move.make")), make);
  return h("section", { class: "panel", "aria-labelledby": "move-from" },
    h("h2", { id: "move-from" }, t("move.from")),
    h("p", {}, t("move.from_text")),
    h("p", { class: "quiet-text" }, t("move.secret")),
    h("div", { class: "actions" }, button), shown);
}

/** On the other device. */
function typePanel() {
  const field = h("input", { id: "move-typed", type: "text", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", maxlength: 40, required: true });
  return h("section", { class: "panel", "aria-labelledby": "move-to" },
    h("h2", { id: "move-to" }, t("move.to")),
    h("p", {}, t("move.to_text")),
    h("form", { class: "move-form", onsubmit: (event) => {
      event.preventDefault();
      session.set(BEGUN, { code: field.value.trim(), key: uuid() });
      go("tickets", "move");
    } },
      h("label", { for: "move-typed" }, t("move.code")), field,
      h("button", { class: "button", "data-testid": "type-code" }, t("move.next"))));
}

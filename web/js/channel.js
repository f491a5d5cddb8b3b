// A code that opens seats which are not on sale to everybody. It is brought by joining again, which keeps the turn.

import * as api from "./api.js";
import { announce, h, put } from "./dom.js";
import { t } from "./i18n.js";
import { problemNotice } from "./amount-field.js";
import { asyncButton, errorText } from "./ui.js";

/** The form, folded up. `opened` is called when a code was accepted. */
export function channelForm(event, opened) {
  const input = h("input", { id: "channel-code", type: "text", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", maxlength: 40, required: true });
  const problem = h("div", {});
  const button = asyncButton(h("button", { type: "submit", class: "button small quiet", "data-testid": "open-seats" }, t("channel.open")), async () => {
    put(problem);
    input.removeAttribute("aria-invalid");
    if (input.value.trim() === "") return void input.focus();
    try {
      await api.join(event.eventId, input.value.trim());
      announce(t("channel.opened"));
      put(problem, h("p", { class: "quiet-text" }, t("channel.opened")));
      await opened();
    } catch (error) {
      put(problem, problemNotice(errorText(error)));
      input.setAttribute("aria-invalid", "true");
      input.focus();
    }
  });
  return h("details", { class: "channel" },
    h("summary", {}, t("channel.title")),
    h("form", { class: "code-field", onsubmit: (submitted) => { submitted.preventDefault(); button.click(); } },
      h("label", { for: "channel-code" }, t("channel.code")), input, button, problem));
}

// The dialog before an act: what will happen, and a reason for the journal.
import { byId, make } from "./dom.js";
import { word } from "./words.js";

/**
 * Asks, and then acts. `text` says what will happen, `act` is the name of the button. `fields` are more fields of the form.
 * `reason` is "none", "optional" or "required". `run` gets the reason and acts; its error is shown and the dialog stays open.
 * Resolves to what `run` returned, or to undefined if nothing was done.
 */
export function confirmAct({ text, act, fields = [], reason = "optional", run }) {
  const dialog = byId("confirm");
  const error = make("p", { role: "alert", class: "error" });
  const why = make("input", { id: "why", maxlength: "500", autocomplete: "off", required: reason === "required" });
  const yes = make("button", { id: "confirm-yes", class: "danger", text: act });
  const no = make("button", { id: "confirm-no", type: "button", text: word("no") });
  const asked = reason === "none" ? [] : [make("label", { for: "why", text: word(reason === "required" ? "whyNeeded" : "why") }), why];
  const form = make("form", { class: "asked" }, make("p", { id: "confirm-text", text }), ...fields, ...asked, error, make("div", { class: "buttons" }, no, yes));
  dialog.replaceChildren(form);
  dialog.showModal();
  return new Promise((resolve) => {
    let result;
    no.addEventListener("click", () => dialog.close());
    form.addEventListener("submit", async (submit) => {
      submit.preventDefault();
      yes.disabled = true;
      error.textContent = "";
      try {
        result = await run(why.value.trim() || undefined);
        dialog.close();
      } catch (failed) {
        error.textContent = failed.message;
      } finally {
        yes.disabled = false;
      }
    });
    dialog.addEventListener("close", () => resolve(result), { once: true });
  });
}

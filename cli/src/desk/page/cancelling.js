// Cancelling an event for good, and how far that is.
import { fetchJson } from "./api.js";
import { confirmAct } from "./confirm.js";
import { button, card, make } from "./dom.js";
import { money, number, word } from "./words.js";

export function cancelling(id, path, refresh) {
  const text = make("p", { id: "cancellation-text", role: "status" });
  const progress = make("progress", { id: "cancellation-progress", "aria-label": word("cancelProgress"), hidden: true });
  const failed = make("ul", { id: "cancellation-failed", class: "lines" });
  const ask = async () => {
    text.textContent = word("searching");
    try {
      const { confirmed, held, amount } = await fetchJson(`${path}/cancellation/outlook`);
      text.textContent = "";
      const done = await confirmAct({
        text: word("confirmCancel", number(confirmed), money(amount), number(held)),
        act: word("cancelEvent"),
        reason: "required",
        run: (why) => fetchJson(`${path}/cancellation`, { why }),
      });
      if (done) await refresh();
    } catch (error) {
      text.textContent = error.message;
    }
  };
  const act = button(word("cancelEvent"), ask, { id: "cancel-event", class: "danger" });
  const element = card("cancellation", word("cancellation"), text, progress, failed, make("p", { class: "buttons" }, act));

  /** Asks for the progress only if the event is cancelled. */
  async function show(event) {
    const isCancelled = Boolean(event.cancelledAt);
    act.hidden = isCancelled && Boolean(event.refundedAt);
    if (!isCancelled) return;
    const { running, total, refunded, released, amount, failures, problem } = await fetchJson(`${path}/cancellation`);
    act.disabled = running;
    act.textContent = word("cancelAgain");
    progress.hidden = !running;
    progress.max = Math.max(1, total);
    progress.value = refunded + released;
    if (event.refundedAt) text.textContent = word("cancelComplete");
    else if (running) text.textContent = word("cancelRunning", number(refunded), money(amount), number(released), number(total));
    else text.textContent = problem ? word("cancelProblem", problem) : word("cancelIncomplete");
    failed.replaceChildren(...failures.map(([reservation, code]) => make("li", {}, make("a", { href: `#/orders/${reservation}`, text: reservation, class: "id" }), `: ${code}`)));
  }

  return { element, show };
}

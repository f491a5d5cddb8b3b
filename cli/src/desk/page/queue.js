// An event's queue: its figures, and steering it.
import { fetchJson, may } from "./api.js";
import { chartPlace } from "./charts.js";
import { confirmAct } from "./confirm.js";
import { button, card, fillTable, make, showFigures, table } from "./dom.js";
import { number, word } from "./words.js";

/** Asks for a number or a text, with a note beside it. */
function setting(id, label, act, attributes, onset) {
  const input = make("input", { id, required: true, ...attributes });
  const note = make("span", { id: `${id}-note`, class: "quiet" });
  const form = make("form", { id: `${id}-form` }, make("label", { for: id, text: label }), input, make("button", { text: act }), note);
  form.addEventListener("submit", (submit) => {
    submit.preventDefault();
    onset(input.value);
  });
  return {
    form,
    note,
    // Leaves the input alone while the operator types in it.
    show: (value) => document.activeElement !== input && (input.value = value),
  };
}

function steeringOf(path, refresh) {
  const steer = (change, text, act) => confirmAct({ text, act, run: (why) => fetchJson(`${path}/queue`, { ...change, why }) }).then((done) => done && refresh());
  const pause = button(word("pause"), () => steer({ action: "pause" }, word("confirmPause"), word("pause")), { id: "pause" });
  const resume = button(word("resume"), () => steer({ action: "resume" }, word("confirmResume"), word("resume")), { id: "resume" });
  const close = button(word("close"), () => steer({ action: "close" }, word("confirmClose"), word("close")), { id: "close", class: "danger" });
  const numeric = { type: "number", min: "1", max: "100000" };
  const maxActive = setting("max-active", word("maxActive"), word("set"), numeric, (value) =>
    steer({ maxActive: Number(value) }, word("confirmMaxActive", number(Number(value))), word("set")),
  );
  const batch = setting("batch-size", word("batchSize"), word("set"), numeric, (value) =>
    steer({ batchSize: Number(value) }, word("confirmBatchSize", number(Number(value))), word("set")),
  );
  const beacon = setting("beacon", word("beacon"), word("give"), { maxlength: "512", autocomplete: "off" }, (value) =>
    steer({ beacon: value }, word("confirmBeacon", value), word("give")),
  );
  const element = make("div", { class: "steering" }, make("div", { class: "buttons" }, pause, resume, close), maxActive.form, batch.form, beacon.form);
  const show = (event) => {
    const { queue } = event;
    const isOver = event.state === "CLOSED";
    pause.disabled = event.state === "PAUSED" || isOver;
    resume.disabled = event.state === "OPEN" || event.state === "NOT_OPEN" || Boolean(event.cancelledAt);
    close.disabled = isOver;
    maxActive.show(queue.maxActive);
    const steered = queue.maxActive !== queue.catalogueMaxActive;
    maxActive.note.textContent = steered ? word("catalogueSays", number(queue.catalogueMaxActive)) : "";
    batch.form.hidden = !queue.batch;
    if (queue.batch) {
      batch.show(queue.batch.size);
      batch.note.textContent = word("every", number(queue.batch.seconds));
    }
    beacon.form.hidden = !queue.awaitsBeacon;
    beacon.note.textContent = queue.awaitsBeacon ?? "";
  };
  return { element, show };
}

function figures({ queue }) {
  const decided = queue.arrived + queue.missed;
  const noShows = decided > 0 ? `${number(Math.round((queue.missed / decided) * 100))} %` : "–";
  const rate = queue.admittedPerMinute;
  return [
    [word("waiting"), number(queue.waiting)],
    [word("inside"), number(queue.inside), word("of", number(queue.maxActive))],
    [word("expected"), number(queue.expected)],
    [word("perMinute"), rate === undefined ? "–" : number(Math.round(rate * 10) / 10), rate === undefined ? word("notMeasured") : ""],
    [word("noShows"), noShows, decided > 0 ? word("of", number(decided)) : ""],
    [word("issued"), number(queue.issued)],
  ];
}

export function queueOf(path, refresh) {
  const shown = make("dl", { class: "figures", id: "queue-figures" });
  const charts = {
    waiting: chartPlace("waiting-chart", word("waitingChart")),
    inside: chartPlace("inside-chart", word("insideChart")),
    admittedPerMinute: chartPlace("rate-chart", word("perMinute")),
    noShows: chartPlace("no-shows-chart", word("noShowsChart")),
  };
  const lanes = table("lanes", word("lanes"), [word("lane"), word("issued"), word("called"), word("waiting"), word("inside")]);
  const steering = may("DECIDE") ? steeringOf(path, refresh) : null;
  const element = card("queue", word("queue"), shown, make("div", { class: "charts" }, ...Object.values(charts).map((chart) => chart.figure)), lanes, steering?.element);
  const show = (event) => {
    showFigures(shown, figures(event));
    const list = event.queue.lanes.length > 1 ? event.queue.lanes : [];
    lanes.hidden = list.length === 0;
    fillTable(lanes, list.map((lane, i) => [number(i), number(lane.issued), number(lane.called), number(lane.waiting), number(lane.inside)]));
    steering?.show(event);
  };
  return { element, charts, show };
}

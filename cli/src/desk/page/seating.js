// The seats of a date of an event, and what an operator does with them.
import { fetchJson, may } from "./api.js";
import { askBlock, askUnblock } from "./blocking.js";
import { button, make } from "./dom.js";
import { ranges } from "./seat-layout.js";
import { SectionChart } from "./seats.js";
import { moment, number, word } from "./words.js";

function legend() {
  const key = (letter, name) => [make("span", { class: `key ${letter}` }), make("span", { text: `${word(name)} ` })];
  return make("p", { class: "legend" }, ...key("a", "left"), ...key("h", "held"), ...key("s", "sold"), ...key("b", "blocked"));
}

/** Which seats are blocked for what. */
function blocksList(blocks) {
  return blocks.map((block) => {
    const until = block.until ? word("blockUntil", moment(block.until)) : "";
    const kind = word(`kind_of_${block.kind}`) + (block.channel ? word("ofChannel", block.channel) : "");
    return make("li", { text: word("blockLine", block.section, ranges(block.seats), kind, until, block.reason ?? "") });
  });
}

export function seatsOf(path, refreshEvent) {
  let date = null;
  /** By name. */
  let charts = new Map();
  let choosing = false;
  const heading = make("h3", { id: "seats-heading" });
  const sections = make("div", { id: "sections" });
  const blocks = make("ul", { id: "blocks", class: "lines" });
  const chosenText = make("p", { id: "chosen", role: "status" });
  const chosen = () => [...charts.values()].filter((chart) => chart.chosen.size > 0);
  const acting = () => {
    const [chart, ...others] = chosen();
    if (!chart || others.length > 0) return null;
    return { path, date, section: chart.name, seats: [...chart.chosen].sort((a, b) => a - b) };
  };
  const after = async (done) => {
    if (!done) return;
    for (const chart of charts.values()) chart.choose([]);
    await refreshEvent();
  };
  const block = button(word("block"), async () => after(await askBlock(acting())), { id: "block" });
  const unblock = button(word("unblock"), async () => after(await askUnblock(acting())), { id: "unblock" });
  const clear = button(word("clear"), () => [...charts.values()].forEach((chart) => chart.choose([])), { id: "clear" });
  const acts = make("div", { class: "acts", hidden: true }, chosenText, make("div", { class: "buttons" }, block, unblock, clear));
  const mode = button(word("chooseSeats"), () => setChoosing(!choosing), { id: "choose-seats", "aria-pressed": "false" });
  const hint = make("p", { class: "quiet", hidden: true, text: word("chooseHint") });
  const controls = may("DECIDE") ? make("div", {}, make("p", { class: "buttons" }, mode), hint) : null;
  const element = make("section", { id: "seats", "aria-labelledby": "seats-heading", hidden: true }, heading, legend(), controls, sections, blocks, acts);

  function showChosen(chart) {
    // A transaction is of one section.
    if (chart?.chosen.size > 0) for (const other of charts.values()) if (other !== chart && other.chosen.size > 0) other.choose([]);
    const found = acting();
    acts.hidden = found === null;
    if (found) chosenText.textContent = word("chosenSeats", number(found.seats.length), found.section, ranges(found.seats));
  }

  function setChoosing(can) {
    choosing = can;
    mode.setAttribute("aria-pressed", String(can));
    mode.textContent = word(can ? "chooseEnd" : "chooseSeats");
    hint.hidden = !can;
    for (const chart of charts.values()) chart.choosing(can);
  }

  async function refresh() {
    element.hidden = date === null;
    if (date === null) return;
    const wanted = date;
    const of = `${path}/dates/${encodeURIComponent(wanted)}`;
    const [seats, listed] = await Promise.all([fetchJson(of), fetchJson(`${of}/blocks`)]);
    // Another date was opened meanwhile.
    if (date !== wanted) return;
    heading.textContent = word("seatsOf", date);
    const known = seats.sections.every((section) => charts.has(section.name)) && charts.size === seats.sections.length;
    if (known) for (const section of seats.sections) charts.get(section.name).update(section);
    else {
      charts = new Map(seats.sections.map((section) => [section.name, new SectionChart(section, showChosen)]));
      sections.replaceChildren(...[...charts.values()].map((chart) => chart.element));
      setChoosing(choosing);
    }
    blocks.replaceChildren(...blocksList(listed.blocks));
  }

  function toggle(next) {
    date = date === next ? null : next;
    charts = new Map();
    sections.replaceChildren();
    acts.hidden = true;
    refreshEvent();
  }

  return { element, toggle, refresh, date: () => date };
}

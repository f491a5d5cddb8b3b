// The first view: all events at a glance.
import { fetchJson } from "./api.js";
import { bar, make } from "./dom.js";
import { money, number, word } from "./words.js";

function dates(event) {
  const [first] = event.dates;
  const last = event.dates.at(-1);
  if (!first) return event.startsAt?.slice(0, 10) ?? "";
  return event.dates.length > 1 ? word("datesFromTo", first.date, last.date, number(event.dates.length)) : first.date;
}

function shown(event) {
  const { tickets } = event;
  const counts = word("soldOf", number(tickets.sold), number(tickets.total));
  const all = word("barOf", number(tickets.sold), number(tickets.held), number(tickets.blocked), number(tickets.available), number(tickets.total));
  const figure = (label, value) => make("div", {}, make("dt", { text: label }), make("dd", { text: value }));
  return make(
    "li",
    { class: "event", "data-event": event.eventId },
    make("h3", {}, make("a", { href: `#/events/${event.eventId}`, text: event.eventName })),
    make("p", { class: `state ${event.state}`, text: word(event.state) }),
    make("p", { class: "quiet where", text: [event.venue, dates(event)].filter(Boolean).join(" · ") }),
    bar(tickets, all),
    make(
      "dl",
      { class: "figures" },
      figure(word("sold"), counts),
      figure(word("waiting"), number(event.waiting)),
      figure(word("revenue"), money(tickets.revenue)),
    ),
  );
}

export async function open(into) {
  document.title = `${word("events")} · Boxoffice`;
  const list = make("ul", { id: "events", class: "events" });
  const none = make("p", { text: word("noEvents"), hidden: true });
  into.append(make("h2", { text: word("events") }), none, list);
  const refresh = async () => {
    const { events } = await fetchJson("/api/events");
    none.hidden = events.length > 0;
    // A link that is replaced between press and release would not be followed.
    const texts = JSON.stringify(events);
    if (list.dataset.shown !== texts && !list.matches(":active")) {
      const focused = document.activeElement?.closest("[data-event]")?.dataset.event;
      list.replaceChildren(...events.map(shown));
      list.dataset.shown = texts;
      if (focused) list.querySelector(`[data-event="${focused}"] a`)?.focus();
    }
  };
  return { refresh, everyMs: 10_000 };
}

// Search of orders, and the story of one.
import { fetchJson } from "./api.js";
import { button, fillTable, make, table } from "./dom.js";
import { stepText } from "./story-steps.js";
import { moment, money, number, word } from "./words.js";

/** The fields of a search, by what is searched. The first one is required. */
const SEARCHES = {
  reservation: ["reservation"],
  user: ["user", "event"],
  event: ["event", "date", "seat"],
  payment: ["payment"],
};
const STATUSES = ["HELD", "CONFIRMED", "CANCELLED", "EXPIRED"];

/** The search of this address: `#/orders?by=event&event=hall`. */
const searchOf = (query) => Object.fromEntries(new URLSearchParams(query));

const seatText = (seat) => word("seatOf", seat.section, seat.rowLabel, seat.seatLabel, number(seat.seatNumber));

export const ticketsText = (order) => (order.seats.length === 0 ? word("ticketsOf", number(order.quantity)) : order.seats.map(seatText).join("; "));

const storyLink = (order) => make("a", { href: `#/orders/${order.reservationId}?user=${order.userId}`, text: order.reservationId, class: "id" });

function form(search) {
  const by = make("select", { id: "by", name: "by" }, ...Object.keys(SEARCHES).map((name) => make("option", { value: name, text: word(`by_${name}`) })));
  by.value = SEARCHES[search.by] ? search.by : "reservation";
  const fields = make("div", { class: "fields" });
  const status = make("select", { id: "status", name: "status" }, make("option", { value: "", text: word("anyStatus") }), ...STATUSES.map((name) => make("option", { value: name, text: word(name) })));
  status.value = search.status ?? "";
  const statusLabel = make("label", { text: `${word("status")} ` }, status);
  const show = () => {
    const inputs = SEARCHES[by.value].map((name, i) =>
      make("label", { text: `${word(`field_${name}`)} ` }, make("input", { name, id: `by-${name}`, required: i === 0, autocomplete: "off", spellcheck: "false", value: search[name] ?? "" })),
    );
    fields.replaceChildren(...inputs);
    statusLabel.hidden = by.value === "reservation";
  };
  by.addEventListener("change", show);
  show();
  const element = make("form", { class: "search" }, make("label", { text: `${word("searchBy")} ` }, by), fields, statusLabel, make("button", { id: "search", text: word("search") }));
  element.addEventListener("submit", (submit) => {
    submit.preventDefault();
    const given = [...new FormData(element)].filter(([name, value]) => value.trim() !== "" && !(name === "status" && statusLabel.hidden)).map(([name, value]) => [name, value.trim()]);
    const reservation = given.find(([name]) => name === "reservation");
    if (reservation) location.hash = `#/orders/${encodeURIComponent(reservation[1])}`;
    else location.hash = `#/orders?${new URLSearchParams(given)}`;
  });
  return element;
}

function ordersTable(id) {
  const columns = [word("created"), word("status"), word("event"), word("date"), word("tickets"), word("total"), word("user"), word("reservation")];
  return table(id, word("ordersFound"), columns);
}

const orderRow = (order) => [
  moment(order.createdAt),
  word(order.status),
  order.eventName,
  order.date ?? "",
  ticketsText(order),
  money(order.totalPrice),
  make("a", { href: `#/orders?by=user&user=${order.userId}`, text: order.userId, class: "id" }),
  storyLink(order),
];

/** What a payment's id names, besides orders. */
const paymentLines = ({ charges = [], withdrawals = [], ledgerEntries = [] }) => [
  ...charges.map((it) => word("chargeLine", it.chargeId, money(it.amount), it.chargeStatus)),
  ...withdrawals.map((it) => word("withdrawalLine", it.withdrawalId, money(it.amount), it.withdrawalStatus)),
  ...ledgerEntries.map((it) => word("entryLine", moment(it.enteredAt), word(`kind_${it.kind}`), money(it.amount))),
];

async function search(into, asked) {
  const { by, ...rest } = asked;
  const note = make("p", { role: "status", text: word("searching") });
  into.replaceChildren(note);
  const found = await fetchJson(`/api/orders?${new URLSearchParams(rest)}`);
  const shown = ordersTable("orders");
  fillTable(shown, found.orders.map(orderRow));
  shown.hidden = found.orders.length === 0;
  note.textContent = found.orders.length === 0 ? word("noneFound") : word("found", number(found.orders.length), number(found.found));
  into.append(make("ul", { class: "lines" }, ...paymentLines(found).map((text) => make("li", { text }))), shown);
}

export async function open(into, _id, query) {
  document.title = `${word("orders")} · Boxoffice`;
  const asked = searchOf(query);
  const result = make("div", { id: "found" });
  into.append(make("section", {}, make("h2", { text: word("orders") }), form(asked), result));
  // A search may read the whole table, so it is not repeated by itself.
  if (asked.by) await search(result, asked);
  return {};
}

export async function openStory(into, id, query) {
  document.title = `${word("order")} · Boxoffice`;
  const section = make("section", {}, make("h2", { text: word("order") }), make("p", { class: "id", text: id }));
  into.append(section);
  const { user } = searchOf(query);
  const { reservation, story, claims } = await fetchJson(`/api/orders/${encodeURIComponent(id)}${user ? `?user=${encodeURIComponent(user)}` : ""}`);
  const facts = [
    [word("status"), word(reservation.status)],
    [word("event"), make("a", { href: `#/events/${reservation.eventId}`, text: reservation.eventName })],
    [word("date"), reservation.date ?? "–"],
    [word("tickets"), ticketsText(reservation)],
    [word("total"), word("totalWithFees", money(reservation.totalPrice), money(reservation.fees))],
    [word("user"), make("a", { href: `#/orders?by=user&user=${reservation.userId}`, text: reservation.userId, class: "id" })],
  ].map(([name, value]) => make("div", {}, make("dt", { text: name }), make("dd", {}, value)));
  const steps = story.map((step) => make("li", {}, make("time", { datetime: step.at, text: moment(step.at) }), ` ${stepText(step)}`));
  const seats = claims.map((claim) => make("li", { text: word("claimNow", number(claim.seatNumber), word(`claim_${claim.claim}`)) }));
  section.append(
    make("dl", { class: "facts" }, ...facts),
    make("h3", { text: word("story") }),
    make("ol", { id: "story" }, ...steps),
    ...(seats.length > 0 ? [make("h3", { text: word("seatsNow") }), make("ul", { class: "lines" }, ...seats)] : []),
    make("p", {}, button(word("back"), () => history.back())),
  );
  return {};
}

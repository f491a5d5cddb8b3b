// What an event is: artists, facts, description and terms. What the catalogue leaves out is not shown.

import { h, icon } from "./dom.js";
import { duration, localized, t, time } from "./i18n.js";
import { markdown } from "./markdown.js";

/** A map of the place. The page itself loads nothing from there. */
const mapOf = ({ address, venue, city }) =>
  `https://www.openstreetmap.org/search?query=${encodeURIComponent(address ?? [venue, city].filter(Boolean).join(", "))}`;

/** Venue, city and address, with a link to a map. */
export function place(event) {
  const venue = [event.venue, !event.venue.includes(event.city) && event.city].filter(Boolean).join(", ");
  return h("p", { class: "where" }, icon("pin"), h("span", {}, venue, event.address && [h("br", {}), h("span", { class: "quiet-text" }, event.address)],
    (event.address || event.city) && [" ", h("a", { href: mapOf(event), target: "_blank", rel: "noopener noreferrer" }, t("about.map"))]));
}

/** Doors, duration, age limit and organizer; of a date if one is chosen. Null if none of them is known. */
export function facts(event, date) {
  const doors = date?.doorsOpenAt ?? event.doorsOpenAt;
  const fact = (name, value) => value && h("div", {}, h("dt", {}, t(name)), h("dd", {}, value));
  const known = [
    doors && fact("about.doors", time(doors, event.timeZone)),
    event.durationMinutes && fact("about.duration", duration(event.durationMinutes * 60)),
    event.ageLimit && fact("about.age", t("about.from_age", { n: event.ageLimit })),
    fact("about.organizer", event.organizer),
  ].filter(Boolean);
  return known.length > 0 ? h("dl", { class: "facts" }, known) : null;
}

/** The description, and the terms folded. */
export function texts(event) {
  const description = localized(event.description);
  const terms = localized(event.terms);
  return [
    description && h("section", { class: "prose about", "aria-labelledby": "about-title" }, h("h2", { id: "about-title" }, t("about.title")), markdown(description)),
    terms && h("details", { class: "panel prose terms" }, h("summary", {}, t("about.terms")), markdown(terms)),
  ];
}

// Calendar files (iCalendar, RFC 5545), made in the browser: the opening of a sale, or the concert of a ticket.

import { h } from "./dom.js";

/** A line of the file has at most this many bytes in UTF-8. */
const LONGEST_LINE = 75;

const escaped = (text) => text.replace(/[\\;,]/g, "\\$&").replace(/\r?\n/g, "\\n");

/** 2026-12-20T10:00:00.000Z becomes 20261220T100000Z: calendars show it in their own time zone. */
const utc = (instant) => new Date(instant).toISOString().replace(/[-:]|\.\d+/g, "");

/** Splits a line that is too long. Its continuations begin with a space. */
function folded(line) {
  const lines = [];
  let start = "";
  let size = 0;
  for (const character of line) {
    const bytes = new TextEncoder().encode(character).length;
    if (size + bytes > LONGEST_LINE) {
      lines.push(start);
      start = " ";
      size = 1;
    }
    start += character;
    size += bytes;
  }
  return [...lines, start].join("\r\n");
}

/**
 * The text of a calendar file with one entry. `uid` names the entry: a second file with it replaces the first. `minutes`: the duration,
 * if it is known. `remindMinutes`: how long before the start the calendar reminds its user.
 */
export function calendarFile({ uid, title, startsAt, minutes = 0, place, text, url, remindMinutes }) {
  const end = new Date(Date.parse(startsAt) + minutes * 60000);
  const lines = [
    "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Boxoffice//Shop//EN", "CALSCALE:GREGORIAN", "METHOD:PUBLISH",
    "BEGIN:VEVENT",
    `UID:${escaped(uid)}`,
    `DTSTAMP:${utc(Date.now())}`,
    `DTSTART:${utc(startsAt)}`,
    minutes > 0 && `DTEND:${utc(end)}`,
    `SUMMARY:${escaped(title)}`,
    place && `LOCATION:${escaped(place)}`,
    text && `DESCRIPTION:${escaped(text)}`,
    url && `URL:${url}`,
    ...(remindMinutes === undefined ? [] : ["BEGIN:VALARM", "ACTION:DISPLAY", `DESCRIPTION:${escaped(title)}`, `TRIGGER:-PT${remindMinutes}M`, "END:VALARM"]),
    "END:VEVENT", "END:VCALENDAR",
  ];
  return lines.filter(Boolean).map((line) => `${folded(line)}\r\n`).join("");
}

/** Has the browser save a calendar file, or open it with the user's calendar. `name` is the file's, without its ending. */
export function saveCalendarFile(name, entry) {
  const address = URL.createObjectURL(new Blob([calendarFile(entry)], { type: "text/calendar;charset=utf-8" }));
  h("a", { href: address, download: `${name}.ics` }).click();
  // The download may begin after the click has returned.
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

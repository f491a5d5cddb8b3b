// Texts, numbers, money and times in the user's language.

import { get, set } from "./storage.js";
import { EN } from "./words.en.js";
import { KO } from "./words.ko.js";

const LANGUAGES = { en: EN, ko: KO };

let chosen = "en";
let words = EN;
let plurals = new Intl.PluralRules(chosen);

/** The tag of the page's language. */
export const language = () => chosen;

/** The language that the user chose, otherwise the first available one of the browser's list. */
export function preferredLanguage() {
  const wanted = [get("language"), ...(navigator.languages ?? [navigator.language])];
  return wanted.map((tag) => String(tag).slice(0, 2)).find((tag) => tag in LANGUAGES) ?? "en";
}

export function useLanguage(tag) {
  words = LANGUAGES[tag];
  chosen = tag;
  plurals = new Intl.PluralRules(tag);
  document.documentElement.lang = tag;
}

export function rememberLanguage(tag) {
  set("language", tag);
}

/** Whether there is a text with this key. */
export const hasText = (key) => key in words;

/** The text with this key, with its placeholders filled. The value `n` selects the plural form; numbers are formatted. */
export function t(key, values = {}) {
  let form = words[key];
  if (form === undefined) return key;
  if (typeof form === "object") form = form[plurals.select(values.n)] ?? form.other;
  return form.replace(/\{(\w+)\}/g, (_, name) =>
    typeof values[name] === "number" ? number(values[name]) : String(values[name] ?? ""));
}

/** A text of the catalogue in the page's language, or in another one that it has: {"en": …, "ko": …}. Undefined if there is none. */
export function localized(texts) {
  if (!texts) return undefined;
  const tag = [chosen, ...Object.keys(texts).filter((it) => it.startsWith(`${chosen}-`)), "und", "en"].find((it) => it in texts);
  return texts[tag ?? Object.keys(texts)[0]];
}

export const number = (n) => new Intl.NumberFormat(chosen).format(n);

export const percent = (share) =>
  new Intl.NumberFormat(chosen, { style: "percent", maximumFractionDigits: 0 }).format(share);

/** ISO 4217's number of decimals of currencies that do not have two. Browsers follow other tables, e.g. with none for the forint. */
const DECIMALS = {
  BIF: 0, CLP: 0, DJF: 0, GNF: 0, ISK: 0, JPY: 0, KMF: 0, KRW: 0, PYG: 0, RWF: 0, UGX: 0, UYI: 0, VND: 0, VUV: 0, XAF: 0, XOF: 0, XPF: 0,
  BHD: 3, IQD: 3, JOD: 3, KWD: 3, LYD: 3, OMR: 3, TND: 3, CLF: 4, UYW: 4,
};

/** How many decimals a currency has: its minor unit is the last of them. */
export const decimals = (currency) => DECIMALS[currency] ?? 2;

/** Formats an amount that is in the minor unit. */
export function money(amount, currency) {
  const digits = decimals(currency);
  return new Intl.NumberFormat(chosen, {
    style: "currency", currency, currencyDisplay: "narrowSymbol", minimumFractionDigits: digits, maximumFractionDigits: digits,
  }).format(amount / 10 ** digits);
}

/** The languages by whose rules users may write numbers: the page's, and those of the browser. */
export function numberLocales() {
  const isKnown = (tag) => {
    try {
      return Intl.getCanonicalLocales(tag).length > 0;
    } catch {
      return false;
    }
  };
  return [chosen, ...(navigator.languages ?? [navigator.language]).filter(isKnown)];
}

// Times of a concert are shown in the venue's time zone if the catalogue says which, otherwise in the reader's.

const formats = new Map();

/** Making a formatter takes longer than using it. */
function format(options, locale = chosen) {
  const key = JSON.stringify([locale, options]);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(locale, options));
  return formats.get(key);
}

const zones = new Map();

/** The zone if this browser knows it, otherwise undefined, which is the reader's. */
function knownZone(zone) {
  if (!zone) return undefined;
  if (!zones.has(zone)) {
    try {
      new Intl.DateTimeFormat("en", { timeZone: zone });
      zones.set(zone, zone);
    } catch {
      zones.set(zone, undefined);
    }
  }
  return zones.get(zone);
}

/** Hours and minutes between a zone and UTC at an instant, as text. */
const offset = (at, timeZone) => format({ timeZone, timeZoneName: "longOffset" }).formatToParts(at).find((part) => part.type === "timeZoneName").value;

/** The zone's options for a time of day: the zone is named where the reader's clock differs, or where the venue's zone is unknown. */
function zoned(at, zone) {
  const timeZone = knownZone(zone);
  if (!timeZone) return { timeZoneName: "short" };
  return offset(at, timeZone) === offset(at) ? { timeZone } : { timeZone, timeZoneName: "longGeneric" };
}

function formatted(instant, zone, options) {
  const at = new Date(instant);
  return format({ ...options, ...zoned(at, zone) }).format(at);
}

/** Day and time, in the zone of the venue. */
export const dayAndTime = (instant, zone) =>
  formatted(instant, zone, { weekday: "short", year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });

/** From when a performance was moved to where it is now, in words; null if it was not. */
export const movedFrom = ({ postponedFrom }, zone) => (postponedFrom?.length > 0 ? t("moved_from", { time: dayAndTime(postponedFrom.at(-1), zone) }) : null);

/** The time of day, in the zone of the venue. */
export const time = (instant, zone) => formatted(instant, zone, { hour: "numeric", minute: "2-digit" });

/** The time of day of the reader's own clock, e.g. of a deadline in a few minutes. */
export const clockTime = (instant) => format({ hour: "numeric", minute: "2-digit" }).format(new Date(instant));

/** The days from the first instant to the last. */
export const days = (first, last, zone) =>
  format({ year: "numeric", month: "short", day: "numeric", timeZone: knownZone(zone) }).formatRange(new Date(first), new Date(last));

export function dayParts(instant, zone) {
  const of = (options) => format({ ...options, timeZone: knownZone(zone) }).format(new Date(instant));
  return { month: of({ month: "short" }), day: of({ day: "2-digit" }).replace(/\D/g, ""), weekday: of({ weekday: "short" }) };
}

/** The calendar day of an instant as YYYY-MM-DD, which sorts and compares. */
export const dayKey = (instant, zone) =>
  format({ timeZone: knownZone(zone), year: "numeric", month: "2-digit", day: "2-digit" }, "en-CA").format(new Date(instant));

/** A day (YYYY-MM-DD) in full. */
export const wholeDay = (day) => format({ weekday: "long", month: "long", day: "numeric", timeZone: "UTC" }).format(new Date(`${day}T00:00:00Z`));

/** A month (YYYY-MM) with its year. */
export const monthName = (month) => format({ year: "numeric", month: "long", timeZone: "UTC" }).format(new Date(`${month}-01T00:00:00Z`));

/** The days of the week from Sunday on. */
export const weekdays = () => Array.from({ length: 7 }, (_, i) => {
  const sunday = new Date(Date.UTC(2023, 0, 1 + i));
  return { short: format({ weekday: "narrow", timeZone: "UTC" }).format(sunday), long: format({ weekday: "long", timeZone: "UTC" }).format(sunday) };
});

/** A date of the API (YYYY-MM-DD, with THH:MM if a day has several performances), which is already the venue's. */
export function dateText(date) {
  const hasTime = date.includes("T");
  return format({ weekday: "short", month: "short", day: "numeric", timeZone: "UTC", ...(hasTime && { hour: "numeric", minute: "2-digit" }) })
    .format(new Date(hasTime ? `${date}:00Z` : `${date}T00:00:00Z`));
}

/** 4:05, or 1:04:05. */
export function clockText(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** An approximate duration in words. */
export function duration(seconds) {
  if (seconds < 60) return t("duration.seconds", { n: Math.max(1, Math.ceil(seconds)) });
  if (seconds < 5400) return t("duration.minutes", { n: Math.round(seconds / 60) });
  if (seconds < 172800) return t("duration.hours", { n: Math.round(seconds / 3600) });
  return t("duration.days", { n: Math.round(seconds / 86400) });
}

// Texts, numbers, money and times in the user's language.

import { get, set } from "./storage.js";

const LANGUAGES = {
  en: () => import("./words.en.js"),
  ko: () => import("./words.ko.js"),
};

export let language = "en";
let words = {};
let plurals = new Intl.PluralRules("en");

/** The language that the user chose, otherwise the first available one of the browser's list. */
export function preferredLanguage() {
  const chosen = get("language");
  const wanted = [chosen, ...(navigator.languages ?? [navigator.language])];
  return wanted.map((tag) => String(tag).slice(0, 2)).find((tag) => tag in LANGUAGES) ?? "en";
}

export async function useLanguage(tag) {
  words = (await LANGUAGES[tag]()).default;
  language = tag;
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

export const number = (n) => new Intl.NumberFormat(language).format(n);

export const percent = (share) =>
  new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(share);

function currencyFormat(currency) {
  return new Intl.NumberFormat(language, { style: "currency", currency, currencyDisplay: "narrowSymbol" });
}

/** How many minor units make one major unit. */
export function minorUnits(currency) {
  return 10 ** currencyFormat(currency).resolvedOptions().maximumFractionDigits;
}

/** Formats an amount that is in the minor unit. */
export function money(amount, currency) {
  return currencyFormat(currency).format(amount / minorUnits(currency));
}

/** Day and time in the browser's time zone, with its name: the venue may be in another one. */
export function dayAndTime(instant) {
  return new Intl.DateTimeFormat(language, {
    weekday: "short", year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit",
    timeZoneName: "short",
  }).format(new Date(instant));
}

export function day(instant) {
  return new Intl.DateTimeFormat(language, { weekday: "short", month: "short", day: "numeric" }).format(new Date(instant));
}

export function dayParts(instant) {
  const of = (options) => new Intl.DateTimeFormat(language, options).format(new Date(instant));
  return { month: of({ month: "short" }), day: of({ day: "2-digit" }).replace(/\D/g, ""), weekday: of({ weekday: "short" }) };
}

export function time(instant) {
  return new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit", timeZoneName: "short" }).format(new Date(instant));
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

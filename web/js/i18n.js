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

/** Day and time in the browser's time zone, with its name: the venue may be in another one. */
export function dayAndTime(instant) {
  return new Intl.DateTimeFormat(chosen, {
    weekday: "short", year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit",
    timeZoneName: "short",
  }).format(new Date(instant));
}

export function day(instant) {
  return new Intl.DateTimeFormat(chosen, { weekday: "short", month: "short", day: "numeric" }).format(new Date(instant));
}

export function dayParts(instant) {
  const of = (options) => new Intl.DateTimeFormat(chosen, options).format(new Date(instant));
  return { month: of({ month: "short" }), day: of({ day: "2-digit" }).replace(/\D/g, ""), weekday: of({ weekday: "short" }) };
}

export function time(instant) {
  return new Intl.DateTimeFormat(chosen, { hour: "numeric", minute: "2-digit", timeZoneName: "short" }).format(new Date(instant));
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

// The desk's texts: which language, and how numbers, amounts and times are written in it.
import { EN } from "./words.en.js";
import { KO } from "./words.ko.js";

const WORDS = { en: EN, ko: KO };

let language = localStorage.getItem("deskLanguage") ?? (navigator.language.startsWith("ko") ? "ko" : "en");
/** The table's one currency; null before the first catalogue. */
let currency = null;

export const currentLanguage = () => language;

export const word = (key, ...values) => {
  const found = WORDS[language][key];
  return typeof found === "function" ? found(...values) : found;
};

export const number = (value) => new Intl.NumberFormat(language).format(value);

/** `next` has its code, and how many decimals it has. */
export function setCurrency(next) {
  currency = next ?? null;
}

/** An amount in the minor unit. */
export function money(value) {
  if (!currency) return number(value);
  const { code, decimals } = currency;
  const style = { style: "currency", currency: code, minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return new Intl.NumberFormat(language, style).format(value / 10 ** decimals);
}

const format = (options) => (at) => new Intl.DateTimeFormat(language, options).format(new Date(at));
export const time = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
export const minute = format({ hour: "2-digit", minute: "2-digit" });
export const day = format({ month: "short", day: "numeric" });
export const moment = format({ dateStyle: "medium", timeStyle: "medium" });

export function setLanguage(next) {
  language = next;
  localStorage.setItem("deskLanguage", next);
  translatePage();
}

/** The texts around the view. */
export function translatePage() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", word(element.dataset.label));
  const other = document.getElementById("language");
  other.textContent = language === "ko" ? "English" : "한국어";
  other.lang = language === "ko" ? "en" : "ko";
}

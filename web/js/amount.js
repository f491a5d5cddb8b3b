// Reads amounts of money as people write them. No DOM.

/** Longer texts are not amounts. */
const LONGEST_TEXT = 40;
/** Separators of groups that no language uses as a decimal sign. */
const NEUTRAL_SEPARATORS = [" ", "'"];

/** Wide digits and spaces, and curly apostrophes, become plain ones. */
const plain = (text) => text.normalize("NFKC").replaceAll("’", "'");

/** How a language writes numbers: its digit zero, its decimal sign and its group separator. */
function conventions(locale) {
  const format = new Intl.NumberFormat(locale, { useGrouping: "always" });
  const sign = (type, number) => plain(format.formatToParts(number).find((part) => part.type === type)?.value ?? "");
  return { format, zero: format.format(0).codePointAt(0), decimal: sign("decimal", 1.5), group: sign("group", 1234567) };
}

/** The text with the language's own digits replaced by 0 to 9. */
const latin = (text, zero) => [...text].map((c) => {
  const digit = c.codePointAt(0) - zero;
  return digit >= 0 && digit <= 9 ? String(digit) : c;
}).join("");

/** The amount by the rules of one language, or null. Groups must be where this language has them: "1,25" is not English. */
function read(text, digits, locale) {
  const { format, zero, decimal, group } = conventions(locale);
  const [whole, fraction, ...rest] = latin(plain(text), zero).trim().split(decimal);
  if (rest.length > 0 || (fraction !== undefined && (!/^[0-9]+$/.test(fraction) || fraction.length > digits))) return null;
  const isGroupedBy = (separator) => {
    const bare = whole.replaceAll(separator, "");
    return /^[0-9]+$/.test(bare) && latin(plain(format.format(BigInt(bare))), zero).replaceAll(group, separator) === whole;
  };
  if (!/^[0-9]+$/.test(whole) && ![group, ...NEUTRAL_SEPARATORS].some((separator) => separator !== "" && isGroupedBy(separator))) return null;
  const amount = Number(whole.replace(/[^0-9]/g, "") + (fraction ?? "").padEnd(digits, "0"));
  return Number.isSafeInteger(amount) && amount > 0 ? amount : null;
}

/**
 * Every amount that a text can mean in these languages, in the currency's minor unit. Empty: it is not an amount above zero. More than
 * one: it is ambiguous, like "1.250" dinars, which is a thousand times as much in German as in English. `digits` is the currency's
 * number of decimals.
 */
export function readings(text, digits, locales) {
  if (text.length > LONGEST_TEXT) return [];
  return [...new Set(locales.map((locale) => read(text, digits, locale)).filter((amount) => amount !== null))];
}

/** Writes an amount for an input field, without groups: 12.50, or 50 if there is no fraction. */
export function written(amount, digits, locale) {
  const text = String(amount).padStart(digits + 1, "0");
  const [whole, fraction] = [text.slice(0, text.length - digits), text.slice(text.length - digits)];
  return /^0*$/.test(fraction) ? whole : `${whole}${conventions(locale).decimal}${fraction}`;
}

// The picture of an event, or its generated poster if the catalogue has none.

import { h } from "./dom.js";
import { localized } from "./i18n.js";
import { poster } from "./poster.js";

/** `sizes`: how wide the picture is shown, as in the attribute of `img`. `isFirst`: it is seen at once, so it is not loaded lazily. */
export function picture({ eventId, image }, sizes, isFirst = false) {
  if (!image?.sources?.length) return poster(eventId);
  const largest = image.sources.reduce((a, b) => (b.width > a.width ? b : a));
  return h("img", {
    // Tickets are also shown without a network.
    onerror: (event) => event.target.replaceWith(poster(eventId)),
    class: "picture", alt: localized(image.alt) ?? "", sizes, width: largest.width, height: largest.height,
    loading: isFirst ? "eager" : "lazy", fetchpriority: isFirst && "high", decoding: "async",
    srcset: image.sources.map(({ url, width }) => `${url} ${width}w`).join(", "), src: largest.url,
  });
}

// What the code of a ticket says, and how it is drawn.

import { s } from "./dom.js";
import { qr } from "./qr.js";

/** The text of the code: the reservation, and the seat if it is for one seat. */
export const codeText = (reservation, seat) => (seat ? `${reservation.reservationId}/${seat.seatNumber}` : reservation.reservationId);

/** The QR code of a text. It is dark on light in every colour scheme because scanners need that. */
export function codeImage(text, label) {
  const rows = qr(text);
  const size = rows.length + 8;
  const path = rows.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x + 4} ${y + 4}h1v1h-1z`] : []))).join("");
  return s("svg", { class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label, "shape-rendering": "crispEdges" },
    s("rect", { width: size, height: size, fill: "#fff" }), s("path", { d: path, fill: "#000" }));
}

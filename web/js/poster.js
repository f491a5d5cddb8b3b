// A generated poster for each event, derived from its id: nothing has to be uploaded, and an event always looks the same.

import { s } from "./dom.js";

const INKS = [
  ["#1c1633", "#f2542d", "#f5dfbb"],
  ["#0e2a3b", "#f7b32b", "#e8f1f2"],
  ["#2b0f2e", "#ff6b9d", "#ffe3c2"],
  ["#0b3d33", "#ffd166", "#e9f5db"],
  ["#1d1e5a", "#5ce1e6", "#ffd6e0"],
  ["#3a0f12", "#ff9f1c", "#ffe8d6"],
  ["#10213f", "#ff4f5e", "#cfe8ff"],
  ["#26260f", "#d4e157", "#fff8e1"],
];

/** A random number generator (xorshift, seeded by FNV-1a) that gives the same numbers for the same id in every browser. */
function dice(text) {
  let state = 2166136261;
  for (const character of text) state = Math.imul(state ^ character.codePointAt(0), 16777619) >>> 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 4294967296;
  };
}

const MOTIFS = [
  function rings(roll, [, a, b]) {
    const x = 60 + roll() * 280;
    const y = 40 + roll() * 160;
    return Array.from({ length: 9 }, (_, i) =>
      s("circle", { cx: x, cy: y, r: 14 + i * (20 + roll() * 4), fill: "none", stroke: i % 3 ? a : b, "stroke-width": 3 + (i % 4) * 3, opacity: 1 - i * 0.08 }));
  },
  function bars(roll, [, a, b]) {
    return Array.from({ length: 24 }, (_, i) => {
      const height = 30 + Math.abs(Math.sin(i * (0.3 + roll() * 0.2))) * 150 * (0.5 + roll() / 2);
      return s("rect", { x: 8 + i * 16.2, y: 120 - height / 2, width: 8, height, rx: 4, fill: i % 5 === 2 ? b : a });
    });
  },
  function suns(roll, [, a, b]) {
    const x = 110 + roll() * 180;
    return [
      s("circle", { cx: x, cy: 128, r: 84, fill: a }),
      ...Array.from({ length: 6 }, (_, i) => s("rect", { x: 0, y: 134 + i * 16, width: 400, height: 3 + i * 2, fill: "var(--poster-ground)" })),
      s("circle", { cx: x + 120 - roll() * 240, cy: 50 + roll() * 40, r: 10 + roll() * 14, fill: b }),
    ];
  },
  function waves(roll, [, a, b]) {
    return Array.from({ length: 8 }, (_, i) => {
      const y = 34 + i * 26;
      const high = 10 + roll() * 26;
      const d = Array.from({ length: 5 }, (_, k) => `q 50 ${k % 2 ? high : -high} 100 0`).join(" ");
      return s("path", { d: `M ${-60 * roll()} ${y} ${d}`, fill: "none", stroke: i % 3 === 1 ? b : a, "stroke-width": 4 + (i % 3) * 3, "stroke-linecap": "round" });
    });
  },
  function quarters(roll, [, a, b]) {
    const shapes = [];
    for (let row = 0; row < 3; row += 1) {
      for (let column = 0; column < 5; column += 1) {
        const turn = Math.floor(roll() * 4) * 90;
        const x = column * 80;
        const y = row * 80;
        shapes.push(s("path", { d: `M${x} ${y}h80a80 80 0 0 1 -80 80Z`, transform: `rotate(${turn} ${x + 40} ${y + 40})`, fill: [a, b, "none"][Math.floor(roll() * 3)], opacity: 0.92 }));
      }
    }
    return shapes;
  },
  function beams(roll, [, a, b]) {
    return [
      ...Array.from({ length: 7 }, (_, i) => {
        const x = 30 + i * 57;
        const lean = (roll() - 0.5) * 240;
        return s("path", { d: `M${x} 0 L${x + lean - 34} 240 L${x + lean + 34} 240Z`, fill: i % 3 ? a : b, opacity: 0.34 });
      }),
      ...Array.from({ length: 26 }, () => s("circle", { cx: roll() * 400, cy: 205 + roll() * 34, r: 7 + roll() * 9, fill: "#000", opacity: 0.5 })),
    ];
  },
];

/** The poster of an event. It is decorative and hidden from screen readers: the event's name stands beside it. */
export function poster(id) {
  const roll = dice(id);
  for (let i = 0; i < 5; i += 1) roll();
  const inks = INKS[Math.floor(roll() * INKS.length)];
  const motif = MOTIFS[Math.floor(roll() * MOTIFS.length)];
  const svg = s("svg", { class: "poster", viewBox: "0 0 400 240", preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true" },
    s("rect", { width: 400, height: 240, fill: inks[0] }), motif(roll, inks));
  svg.style.setProperty("--poster-ground", inks[0]);
  return svg;
}

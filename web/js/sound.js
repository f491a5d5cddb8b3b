// The sound of one's turn: off unless switched on, and made here, so that no file has to be loaded.

import { get, set } from "./store.js";

let context = null;

export const isOn = () => get("sound") === true;

export function turn(on) {
  set("sound", on);
  if (on) {
    ready();
    chime();
  }
}

/** Browsers let a page sound only after it was touched. */
export function ready() {
  if (!isOn() || !window.AudioContext) return;
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => {});
}

/** It is one's turn: by ear and hand, where these are wanted. */
export function ring() {
  if (!isOn()) return;
  chime();
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.([200, 100, 200]);
}

/** Two soft strokes of a bell. */
function chime() {
  ready();
  if (!context) return;
  for (const [i, frequency] of [659.25, 987.77].entries()) {
    const from = context.currentTime + i * 0.22;
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.0001, from);
    volume.gain.exponentialRampToValueAtTime(0.25, from + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, from + 0.9);
    tone.connect(volume).connect(context.destination);
    tone.start(from);
    tone.stop(from + 1);
  }
}

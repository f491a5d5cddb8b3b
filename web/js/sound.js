// The sound that tells users that it is their turn. It is off by default, and synthesized, so there is no file to load.

import { get, set } from "./storage.js";

let context = null;

export const isOn = () => get("sound") === true;

export function setOn(on) {
  set("sound", on);
  if (on) {
    unlock();
    chime([659.25, 987.77]);
  }
}

/** Prepares audio. Browsers allow a page to play sound only after a user gesture. */
export function unlock() {
  if (!isOn() || !window.AudioContext) return;
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => {});
}

/** Plays the sound, and vibrates if possible, if the user has switched it on. `isNear`: the turn has not come yet, so there is one tone. */
export function ring(isNear) {
  if (!isOn()) return;
  chime(isNear ? [659.25] : [659.25, 987.77]);
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.([200, 100, 200]);
}

/** Soft bell tones. */
function chime(frequencies) {
  unlock();
  if (!context) return;
  for (const [i, frequency] of frequencies.entries()) {
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

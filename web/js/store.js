// What this browser remembers. Everything that must outlive a reload lies here, under one prefix; other tabs hear of a
// change. Where storage is forbidden, the memory of this tab has to do.

const PREFIX = "boxoffice.";
const memory = new Map();
const listeners = new Set();

function storage() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

export function get(key) {
  try {
    const text = storage()?.getItem(PREFIX + key) ?? memory.get(key) ?? null;
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

export function set(key, value) {
  const text = JSON.stringify(value);
  memory.set(key, text);
  try {
    storage()?.setItem(PREFIX + key, text);
  } catch {
    // Full, or forbidden.
  }
  tell(key);
}

export function remove(key) {
  memory.delete(key);
  try {
    storage()?.removeItem(PREFIX + key);
  } catch {
    // Forbidden.
  }
  tell(key);
}

export function keys(start) {
  const found = new Set([...memory.keys()]);
  try {
    for (const key of Object.keys(storage() ?? {})) {
      if (key.startsWith(PREFIX)) found.add(key.slice(PREFIX.length));
    }
  } catch {
    // Forbidden.
  }
  return [...found].filter((key) => key.startsWith(start));
}

/** Calls back when a key changes, here or in another tab, until the signal ends it. */
export function watch(callback, signal) {
  listeners.add(callback);
  signal?.addEventListener("abort", () => listeners.delete(callback));
}

function tell(key) {
  for (const listener of [...listeners]) listener(key);
}

window.addEventListener("storage", (event) => {
  if (event.key === null) {
    memory.clear();
    tell("");
  } else if (event.key.startsWith(PREFIX)) {
    const key = event.key.slice(PREFIX.length);
    if (event.newValue === null) memory.delete(key);
    else memory.set(key, event.newValue);
    tell(key);
  }
});

/** One tab at a time. Without the API for it, this tab alone has to be enough. */
export function alone(name, work) {
  return navigator.locks ? navigator.locks.request(PREFIX + name, work) : work();
}

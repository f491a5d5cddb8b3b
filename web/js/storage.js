// Everything that must survive a reload: localStorage under one prefix. Other tabs are notified of changes. If the browser forbids
// storage, the memory of this tab is used instead. What only this tab may know is in sessionStorage.

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
    // The storage is full or forbidden.
  }
  notify(key);
}

export function remove(key) {
  memory.delete(key);
  try {
    storage()?.removeItem(PREFIX + key);
  } catch {
    // The storage is forbidden.
  }
  notify(key);
}

export function keys(start) {
  const found = new Set([...memory.keys()]);
  try {
    for (const key of Object.keys(storage() ?? {})) {
      if (key.startsWith(PREFIX)) found.add(key.slice(PREFIX.length));
    }
  } catch {
    // The storage is forbidden.
  }
  return [...found].filter((key) => key.startsWith(start));
}

/** Calls back when a key changes, here or in another tab, until the signal is aborted. The key "" means all keys. */
export function watch(callback, signal) {
  listeners.add(callback);
  signal?.addEventListener("abort", () => listeners.delete(callback));
}

function notify(key) {
  for (const listener of [...listeners]) listener(key);
}

window.addEventListener("storage", (event) => {
  if (event.key === null) {
    memory.clear();
    notify("");
  } else if (event.key.startsWith(PREFIX)) {
    const key = event.key.slice(PREFIX.length);
    if (event.newValue === null) memory.delete(key);
    else memory.set(key, event.newValue);
    notify(key);
  }
});

/** What belongs to this tab alone, and survives a reload and a redirect. */
export const session = {
  get(key) {
    try {
      return JSON.parse(window.sessionStorage.getItem(PREFIX + key));
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      window.sessionStorage.setItem(PREFIX + key, JSON.stringify(value));
    } catch {
      // The storage is full or forbidden.
    }
  },
  remove(key) {
    try {
      window.sessionStorage.removeItem(PREFIX + key);
    } catch {
      // The storage is forbidden.
    }
  },
};

/** Runs `work` in one tab at a time. Without the Web Locks API it runs without a lock. */
export function withLock(name, work) {
  return navigator.locks ? navigator.locks.request(PREFIX + name, work) : work();
}

// Requests that move money in or out. Each is kept in the storage, with its idempotency key, from before it is sent until it is
// answered. So neither a reload nor another tab loses it or makes it twice.

import { uuid } from "./identity.js";
import { isTransient } from "./network.js";
import { get, keys, remove, set, withLock } from "./storage.js";

/** The requests of one kind. `send({key, amount})` sends one. */
export class KeptRequests {
  constructor(prefix, send) {
    Object.assign(this, { prefix, send });
  }

  /** This user's requests that are not answered yet, of all tabs: {key, amount}. */
  pending() {
    return keys(this.prefix).map(get).filter((request) => request?.userId === get("user"));
  }

  /** The key of the request that has just been answered, if this change in the storage means that. */
  answered(name) {
    return name.startsWith(this.prefix) && get(name) === null ? name.slice(this.prefix.length) : null;
  }

  /** Makes a new request. It is sent by `settle`. */
  begin(amount) {
    const request = { key: uuid(), amount, userId: get("user") };
    set(this.prefix + request.key, request);
    return request;
  }

  /** Sends a request until it is answered. Returns null if another tab has received the answer. */
  settle(request) {
    const name = this.prefix + request.key;
    return withLock(name, async () => {
      if (get(name) === null) return null;
      try {
        const answer = await this.send(request);
        remove(name);
        return answer;
      } catch (error) {
        // Without a valid token, whether an earlier attempt succeeded stays unknown.
        if (!isTransient(error) && !["token_missing", "token_invalid"].includes(error.code)) remove(name);
        throw error;
      }
    });
  }
}

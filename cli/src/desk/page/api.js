// Calls of the desk's API. The key is the fragment of the address that the command prints, and is kept for this tab only.

/** What the key allows. Each role may do what the ones before it may. */
const ROLES = ["SEE", "SELL", "DECIDE"];

let role = "SEE";

/** Takes the key from the address, which then does not show it any more. Returns whether there was one. */
export function takeKey() {
  // A view's address begins with a slash.
  if (!/^#[0-9a-f]+$/.test(location.hash)) return false;
  sessionStorage.setItem("deskKey", location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
  return true;
}

/** Throws an error with the server's message, and `status` unless there was no connection. */
export async function call(path, body) {
  const response = await fetch(path, {
    method: body ? "POST" : "GET",
    headers: { Authorization: `Bearer ${sessionStorage.getItem("deskKey") ?? ""}`, ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
  });
  if (!response.ok) {
    const { message } = await response.json().catch(() => ({}));
    throw Object.assign(new Error(message ?? response.statusText), { status: response.status });
  }
  return response;
}

export const fetchJson = async (path, body) => (await call(path, body)).json();

/** Loads what this page is: its role, and the table's currency. */
export async function loadDesk() {
  const desk = await fetchJson("/api/desk");
  role = desk.role;
  return desk;
}

export const may = (needed) => ROLES.indexOf(role) >= ROLES.indexOf(needed);

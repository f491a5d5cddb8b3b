// The address of a view: a real path, so that it can be typed, shared and bookmarked. The API's paths are others.
//
// Views change without loading the page again, by the history API.

const followers = new Set();

function changed() {
  for (const follower of [...followers]) follower();
}

/** Calls back whenever the user has gone to another view, by a link, a button, or back and forward. */
export function onNavigation(callback) {
  followers.add(callback);
}

/** The path of a view. */
export const href = (...segments) => "/" + segments.map(encodeURIComponent).join("/");

/** The path of the view that is shown. */
export const here = () => location.pathname;

/** Goes to a view. */
export function go(...segments) {
  history.pushState(null, "", href(...segments));
  changed();
}

/** Like `go`, but replaces the current history entry. */
export function redirect(...segments) {
  history.replaceState(null, "", href(...segments));
  changed();
}

/** Follows links to other views without loading the page. `isView` says which paths are views. */
export function followLinks(isView) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.origin !== location.origin || link.target || link.hasAttribute("download") || link.hash || !isView(link.pathname)) return;
    event.preventDefault();
    if (link.href !== location.href) history.pushState(null, "", link.href);
    changed();
  });
  window.addEventListener("popstate", changed);
}

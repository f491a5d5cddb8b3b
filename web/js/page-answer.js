// The answer of the API that the server has put into the page, so that the first view needs no request.

/** An answer is not used later than this after the page was loaded. */
const FRESH_MS = 10000;

let element = document.getElementById("answer");

/** The answer to a GET of this path, if the page was just sent with it. Once: whoever asks again wants a new one. */
export function takeAnswer(path) {
  const navigation = performance.getEntriesByType("navigation")[0];
  // Going back may show a page that the browser has kept for long.
  if (element?.dataset.path !== path || performance.now() > FRESH_MS || navigation?.type === "back_forward") return null;
  const answer = JSON.parse(element.textContent);
  element = null;
  return answer;
}

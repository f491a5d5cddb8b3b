// Swagger UI for this deployment's own document. The examples are of this deployment, and a response fills in other operations,
// so that "Execute" works at once: join, hold, charge, pay. Tokens are not stored (persistAuthorization).

const scheme = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", scheme.matches);
scheme.addEventListener("change", paint);
paint();

async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

/** A random UUID. crypto.randomUUID is missing where a page is served without TLS. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** How many events are looked at for one with free seats. */
const LOOKED_AT = 5;

/** Values of this deployment: an event on sale of each kind, and a seat. What is not on sale is undefined. */
async function onSale() {
  const { events } = await get("/events");
  const open = events.filter((event) => event.state === "OPEN");
  const general = open.find((event) => event.admission === "general")?.eventId;
  const seated = open.filter((event) => event.admission === "seated").slice(0, LOOKED_AT);
  for (const { eventId } of seated) {
    const { dates } = await get(`/events/${eventId}`);
    const date = dates.find((each) => each.availableSeats > 0);
    if (!date) continue;
    return {
      general,
      seated: eventId,
      date: date.date,
      // Any seat, so that two readers seldom try the same one.
      seat: 1 + Math.floor(Math.random() * date.totalSeats),
      amount: Math.max(...date.sections.map((section) => section.price)),
    };
  }
  return { general };
}

/** Puts examples into the document. */
function fillIn(api, { general, seated, date, seat, amount }) {
  const userId = uuid();
  for (const [path, operations] of Object.entries(api.paths)) {
    const examples = {
      eventId: path.endsWith("/reservations") ? general : seated,
      userId,
      date,
      "Idempotency-Key": uuid(),
    };
    for (const { parameters = [] } of Object.values(operations)) {
      for (const parameter of parameters) {
        if (parameter.required && examples[parameter.name]) parameter.example = examples[parameter.name];
      }
    }
  }
  const body = (path, example) => {
    api.paths[path].post.requestBody.content["application/json"].example = example;
  };
  body("/events/{eventId}/tokens", { userId });
  if (!date) return;
  body("/events/{eventId}/holds", { date, seatNumber: seat });
  body("/users/{userId}/wallet/charges", { amount });
}

/** Fills a parameter of all operations in. */
function setEverywhere(ui, api, name, value) {
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const [method, { parameters = [] }] of Object.entries(operations)) {
      const parameter = parameters.find((each) => each.name === name && each.in === "path");
      if (parameter) ui.specActions.changeParam([path, method], name, "path", value, false);
    }
  }
}

/** What a response says is used from then on: the token, the user, and the reservation. */
function learn(ui, api, body) {
  if (body.token) ui.preauthorizeApiKey("queueToken", body.token);
  for (const name of ["userId", "reservationId"]) {
    if (body[name]) setEverywhere(ui, api, name, body[name]);
  }
}

/** Swagger UI's headings start with the third level below the title. */
const LEVELS = { H3: 2, H4: 3, H5: 4 };

/** Gives Swagger UI's elements the names, levels and focus that assistive technology needs. */
function makeAccessible(root) {
  for (const field of root.querySelectorAll(":is(textarea, select, input):not([aria-label])")) {
    const around = field.closest("tr[data-param-name]");
    const name = around?.dataset.paramName ?? (field.id === "servers" ? "Server" : field.closest("[data-code]") ? "Example" : "Request body");
    field.setAttribute("aria-label", name);
  }
  for (const button of root.querySelectorAll(".copy-to-clipboard button:not([aria-label])")) {
    button.setAttribute("aria-label", "Copy");
  }
  // Tables that are announced when they change.
  for (const table of root.querySelectorAll("[role=region]:not([aria-label])")) {
    const operation = table.closest(".opblock")?.id.replace(/^operations-/, "");
    table.setAttribute("aria-label", `Responses of ${operation}`);
  }
  for (const heading of root.querySelectorAll(":is(h3, h4, h5):not([aria-level])")) {
    heading.setAttribute("aria-level", LEVELS[heading.tagName]);
  }
  for (const text of root.querySelectorAll("pre.microlight:not([tabindex])")) text.setAttribute("tabindex", "0");
  // A link within the button that opens the operation. The button does the same, and keeps the address.
  for (const link of root.querySelectorAll("button a[href]")) link.removeAttribute("href");
}

async function start() {
  const root = document.querySelector("#api");
  const api = await get("/openapi.json");
  // The page is useful without examples, too.
  fillIn(api, await onSale().catch(() => ({})));
  new MutationObserver(() => makeAccessible(root)).observe(root, { childList: true, subtree: true });
  const ui = SwaggerUIBundle({
    spec: api,
    dom_id: "#api",
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    layout: "BaseLayout",
    persistAuthorization: false,
    tryItOutEnabled: true,
    validatorUrl: null,
    responseInterceptor: (answer) => {
      if (answer.ok && answer.obj) learn(ui, api, answer.obj);
      return answer;
    },
  });
}

start();

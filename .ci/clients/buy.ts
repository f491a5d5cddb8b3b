// Buys a ticket with the types that openapi-typescript generates and openapi-fetch, and reads the typed code of a refusal.

import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };

type Problem = components["schemas"]["Problem"];

const eventId = "han-seoa-winter-light";
const api = createClient<paths>({ baseUrl: process.argv[2]! });

/** The data of a response; throws its problem. */
async function answered<Data>(request: Promise<{ data?: Data; error?: Problem }>): Promise<Data> {
  const { data, error } = await request;
  if (data === undefined) throw new Error(`${error?.code}: ${error?.detail}`);
  return data;
}

function check(holds: boolean, found: unknown): asserts holds {
  if (!holds) throw new Error(`unexpected: ${JSON.stringify(found)}`);
}

const event = await answered(api.GET("/events/{eventId}", { params: { path: { eventId } } }));
const date = event.dates?.[0];
check(date !== undefined, event);

const joined = await answered(api.POST("/events/{eventId}/tokens", { params: { path: { eventId } } }));
check(joined.status === "ACTIVE", joined);
api.use({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${joined.token}`);
  },
});

const held = await answered(
  api.POST("/events/{eventId}/holds", {
    params: { path: { eventId } },
    body: { date: date.date, bestAvailable: { count: 2 } },
  }),
);
check(held.status === "HELD", held);

const { reservationId } = held;
const payment = { params: { path: { reservationId } } };
const { error: refused } = await api.POST("/reservations/{reservationId}/payment", payment);
// `code` and `status` are required, and a code that does not exist would not compile.
const code: Problem["code"] | undefined = refused?.code;
check(code === "insufficient_balance" && refused?.status === 402 && refused.required === held.totalPrice, refused);

const charged = await answered(
  api.POST("/users/{userId}/wallet/charges", {
    params: { path: { userId: joined.userId }, header: { "Idempotency-Key": crypto.randomUUID() } },
    body: { amount: held.totalPrice },
  }),
);
// Where a payment provider confirms charges, the answer is another one.
check("balance" in charged && charged.balance === held.totalPrice, charged);

const paid = await answered(api.POST("/reservations/{reservationId}/payment", payment));
check(paid.balance === 0, paid);

const ticket = await answered(api.GET("/reservations/{reservationId}", payment));
check(ticket.status === "CONFIRMED", ticket);
console.log(`bought seats ${ticket.seats.map((seat) => seat.seatNumber).join(", ")} of ${ticket.eventName}; refused with ${code}`);

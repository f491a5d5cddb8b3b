"""Buys a ticket with the client that openapi-python-client generates, and reads the typed code of a refusal."""

import sys
from uuid import uuid4

from boxoffice_client import AuthenticatedClient, Client
from boxoffice_client.api.events import get_event
from boxoffice_client.api.queue import issue_token
from boxoffice_client.api.reservations import get_reservation, pay
from boxoffice_client.api.seats import hold_seat
from boxoffice_client.api.wallet import charge
from boxoffice_client.models import (
    Charge,
    ChargeBody,
    EventDetails,
    HoldSeatTheBestAvailableSeats,
    HoldSeatTheBestAvailableSeatsBestAvailable,
    IssueTokenBody,
    Joined,
    Payment,
    Problem,
    ProblemCode,
    QueueStatus,
    Reservation,
    ReservationStatus,
)
from boxoffice_client.types import UNSET

EVENT = "han-seoa-winter-light"

api = sys.argv[1]
public = Client(base_url=api)

event = get_event.sync(EVENT, client=public)
assert isinstance(event, EventDetails) and event.dates, event
date = event.dates[0]

joined = issue_token.sync(EVENT, client=public, body=IssueTokenBody(user_id=uuid4()))
assert isinstance(joined, Joined) and joined.status == QueueStatus.ACTIVE, joined
user = AuthenticatedClient(base_url=api, token=joined.token)

best = HoldSeatTheBestAvailableSeatsBestAvailable(count=2, section=date.sections[0].name)
held = hold_seat.sync(EVENT, client=user, body=HoldSeatTheBestAvailableSeats(date=date.date, best_available=best))
assert isinstance(held, Reservation) and held.status == ReservationStatus.HELD, held
assert held.total_price == 2 * date.sections[0].price, held

refused = pay.sync(held.reservation_id, client=user)
assert isinstance(refused, Problem), refused
assert refused.code is ProblemCode.INSUFFICIENT_BALANCE and refused.status == 402, refused
assert refused.required is not UNSET and refused.required == held.total_price, refused

charged = charge.sync(
    joined.user_id, client=user, body=ChargeBody(amount=held.total_price), idempotency_key=str(uuid4())
)
assert isinstance(charged, Charge) and charged.balance == held.total_price, charged

paid = pay.sync(held.reservation_id, client=user)
assert isinstance(paid, Payment) and paid.balance == 0, paid

ticket = get_reservation.sync(held.reservation_id, client=user)
assert isinstance(ticket, Reservation) and ticket.status == ReservationStatus.CONFIRMED, ticket
print(f"bought seats {[seat.seat_number for seat in ticket.seats]} of {ticket.event_name}; refused with {refused.code}")

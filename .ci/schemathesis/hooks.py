"""Schemathesis hooks that give test cases valid tokens, dates and reservations.

Schemathesis generates the cases from /openapi.json. Without these hooks nearly all of them would end with 401 or 404.
"""

import atexit
import collections
import hashlib
import json
import os
import urllib.error
import urllib.request
import uuid

import schemathesis
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase

API = os.environ["BOXOFFICE_API"]
# Events for cases that hold seats, for cases that reserve tickets, and for the prepared reservations. They are separate so that
# cases do not interfere with each other.
SEATED = "tigers-and-persimmons"
GENERAL = "river-sound-festival"
RESERVED = "maru-trio"
PATIENCE_SECONDS = 10


def ask(method, path, token=None, body=None, headers=None):
    """The JSON of the response, whatever its status."""
    request = urllib.request.Request(API + path, method=method, headers=dict(headers or {}))
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    if body is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
            text = response.read()
    except urllib.error.HTTPError as error:
        text = error.read()
    return json.loads(text) if text else {}


def join(event, user):
    joined = ask("POST", f"/events/{event}/tokens", body={"userId": user})
    assert joined.get("status") == "ACTIVE", joined
    return joined["token"]


# The user whose id and tokens the cases use.
USER = str(uuid.uuid4())
ask(
    "POST",
    f"/users/{USER}/wallet/charges",
    token=join(SEATED, USER),
    body={"amount": 5_000_000},
    headers={"Idempotency-Key": "first"},
)


def dates(event):
    return [date["date"] for date in ask("GET", f"/events/{event}")["dates"]]


def ask_as_user(method, path, body=None):
    return ask(method, path, token=join(RESERVED, USER), body=body)


def hold(date):
    held = ask_as_user("POST", f"/events/{RESERVED}/holds", {"date": date, "bestAvailable": {"count": 1}})
    assert held.get("status") == "HELD", held
    return held["reservationId"]


def pay(reservation):
    paid = ask_as_user("POST", f"/reservations/{reservation}/payment")
    assert "paymentId" in paid, paid


def cancel(reservation):
    cancelled = ask_as_user("DELETE", f"/reservations/{reservation}")
    assert cancelled.get("status") == "CANCELLED", cancelled


class Reservations:
    """One held, one paid and one cancelled reservation, on different dates because a user can have only one per date."""

    def __init__(self):
        self.date, paid_date, cancelled_date, *_ = dates(RESERVED)
        paid, cancelled = hold(paid_date), hold(cancelled_date)
        pay(paid)
        cancel(cancelled)
        self.known = [hold(self.date), paid, cancelled]

    def renew(self):
        """Cases may pay or cancel the held reservation. If so, makes a new one for the next case."""
        held = self.known[0]
        status = ask_as_user("GET", f"/reservations/{held}")["status"]
        if status == "CONFIRMED":
            cancel(held)
        if status != "HELD":
            self.known[0] = hold(self.date)


RESERVATIONS = Reservations()
DATES = dates(SEATED)


def existing(case, name, known, value):
    """Replaces a generated value by one that exists: always, or for two thirds of the values, depending on the phase.

    The choice depends only on the case, so runs are reproducible.
    """
    # In these phases the values are examples of the document, which do not exist on this server.
    if case.meta and case.meta.phase.name in (TestPhase.EXAMPLES, TestPhase.COVERAGE):
        return known[0]
    digest = hashlib.sha256(f"{name} {value}".encode()).digest()
    return value if digest[0] % 3 == 0 else known[digest[1] % len(known)]


def is_valid(case, location):
    """Whether the case intends this part of the request to be valid."""
    part = case.meta.components.get(location) if case.meta else None
    return part is None or part.mode == GenerationMode.POSITIVE


@schemathesis.auth(refresh_interval=None)
class LiveSession:
    """Gives each case a token with a live session. Joining again keeps the session, or starts a new one after a payment."""

    def get(self, case, context):
        default_event = GENERAL if case.path == "/events/{eventId}/reservations" else SEATED
        if is_valid(case, ParameterLocation.PATH):
            known = {
                "date": DATES,
                "userId": [USER],
                "eventId": [default_event] * 3 + [SEATED, GENERAL],
            }
            if "reservationId" in case.path_parameters:
                RESERVATIONS.renew()
                known["reservationId"] = RESERVATIONS.known
            for name in known.keys() & case.path_parameters.keys():
                case.path_parameters[name] = existing(case, name, known[name], case.path_parameters[name])
        body = case.body
        if is_valid(case, ParameterLocation.BODY) and isinstance(body, dict) and isinstance(body.get("date"), str):
            case.body = {**body, "date": existing(case, "date", DATES, body["date"])}
        if case.path == "/device-links" and is_valid(case, ParameterLocation.BODY) and isinstance(body, dict) and "code" in body:
            # A code works once, so each case gets its own.
            code = ask_as_user("POST", f"/users/{USER}/device-links")["code"]
            case.body = {**body, "code": existing(case, "code", [code], body["code"])}
        event = case.path_parameters.get("eventId")
        return join(event if event in (SEATED, GENERAL) else default_event, USER)

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


# Number of responses by operation, status and problem code. .ci/schemathesis/run checks that each operation succeeded.
ANSWERS = collections.Counter()


@schemathesis.hook
def after_call(context, case, response):
    code = ""
    if response.headers.get("content-type", [""])[0] == "application/problem+json":
        code = " " + json.loads(response.content)["code"]
    ANSWERS[f"{case.operation.label}: {response.status_code}{code}"] += 1


@atexit.register
def write_answers():
    with open(os.environ["BOXOFFICE_ANSWERS"], "w") as file:
        json.dump(dict(sorted(ANSWERS.items())), file, indent=1)

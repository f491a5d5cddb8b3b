"""What a caller of the API needs so that its cases get past the door: buyers with a place inside, dates, reservations.

Schemathesis makes the cases from /openapi.json. Without this nearly all of them would end at 401 and 404.
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

API = os.environ["BOXOFFICE_API"]
SEATED = "tigers-and-persimmons"
GENERAL = "river-sound-festival"
PATIENCE_SECONDS = 10


def ask(method, path, token=None, body=None, headers=None):
    """The answer's JSON, whatever its status."""
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


# The one whose path and token the cases have. Others come and go.
USER = str(uuid.uuid4())
DATES = [date["date"] for date in ask("GET", f"/events/{SEATED}")["dates"]]
ask(
    "POST",
    f"/users/{USER}/wallet/charges",
    token=join(SEATED, USER),
    body={"amount": 5_000_000},
    headers={"Idempotency-Key": "first"},
)


def reservations():
    """One held, one paid, one cancelled; of other dates, for a user has one of each."""
    made = []
    for date in DATES[:3]:
        token = join(SEATED, USER)
        choice = {"date": date, "bestAvailable": {"count": 1}}
        held = ask("POST", f"/events/{SEATED}/holds", token=token, body=choice)
        made.append(held["reservationId"])
    token = join(SEATED, USER)
    paid = ask("POST", f"/reservations/{made[1]}/payment", token=token)
    assert "paymentId" in paid, paid
    cancelled = ask("DELETE", f"/reservations/{made[-1]}", token=token)
    assert cancelled["status"] == "CANCELLED", cancelled
    return made


RESERVATIONS = reservations()
KNOWN = {
    "date": DATES,
    "userId": [USER],
    "reservationId": RESERVATIONS,
}


def chosen(known, value):
    """A thing that exists in place of two thirds of those that do not; always the same for the same case."""
    digest = hashlib.sha256(f"{known} {value}".encode()).digest()
    return value if digest[0] % 3 == 0 else known[digest[1] % len(known)]


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict) and isinstance(body.get("date"), str):
        return {**body, "date": chosen(KNOWN["date"], body["date"])}
    return body


def is_sound(case, location):
    """Whether the case means this part of the request to be in order."""
    part = case.meta.components.get(location) if case.meta else None
    return part is None or part.mode == GenerationMode.POSITIVE


@schemathesis.auth(refresh_interval=None)
class Inside:
    """A token whose session lives: joining again keeps the place, and after a payment gives a new one."""

    def get(self, case, context):
        of_the_operation = GENERAL if case.path == "/events/{eventId}/reservations" else SEATED
        if is_sound(case, ParameterLocation.PATH):
            known = {**KNOWN, "eventId": [of_the_operation] * 3 + [SEATED, GENERAL]}
            for name in known.keys() & case.path_parameters.keys():
                case.path_parameters[name] = chosen(known[name], case.path_parameters[name])
        event = case.path_parameters.get("eventId")
        return join(event if event in (SEATED, GENERAL) else of_the_operation, USER)

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


# Whether the cases got anywhere: each operation with each status and code that it answered.
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

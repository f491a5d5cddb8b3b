#!/usr/bin/env python3
"""Buys tickets through a running API. Usage: buying_flow.py URL. Fails at the first unexpected response.

Expects the example catalogue. Tolerates slow cold starts.
"""

import json
import sys
import time
import urllib.error
import urllib.request
import uuid

SEATED = "maru-trio"
FOR_TWO = "neon-pigeons-comeback"
GENERAL = "river-sound-festival"
# Includes the cold start of a function; cargo-lambda may even link it first.
PATIENCE_SECONDS = 120


class Api:
    def __init__(self, url):
        self.url = url.rstrip("/")
        self.responses = 0

    def send(self, method, path, token=None, body=None, headers=None):
        """Sends a request. Returns status, headers and body of the response."""
        headers = dict(headers or {})
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
                status, headers, text = response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            status, headers, text = error.code, error.headers, error.read()
        self.responses += 1
        return status, headers, text

    def __call__(self, method, path, expected, token=None, body=None, headers=None):
        """Sends a request. Returns the JSON of the response, which must have the expected status, or (status, problem code)."""
        status, _, text = self.send(method, path, token, body, headers)
        answer = json.loads(text) if text else {}
        expected, code = expected if isinstance(expected, tuple) else (expected, None)
        found = answer.get("code") if code else None
        if (status, found) != (expected, code):
            sys.exit(f"{method} {path}: expected {expected} {code or ''}, got {status} {text.decode()}")
        print(f"{method} {path}: {status} {code or ''}", flush=True)
        return answer


def must(condition, complaint):
    if not condition:
        sys.exit(complaint)


def look_around(api):
    events = {event["eventId"] for event in api("GET", "/events", 200)["events"]}
    must({SEATED, FOR_TWO, GENERAL} <= events, f"not the example catalogue: {events}")
    api("GET", f"/events/{SEATED}", 200)
    must(api("GET", f"/events/{SEATED}/queue", 200)["state"] == "OPEN", "the queue is not open")
    status, headers, page = api.send("GET", "/")
    must(status == 200 and b"<!doctype html>" in page, f"not the page: {status} {page[:200]}")
    must("text/html" in headers["Content-Type"], "the page's content type is not HTML")
    api("GET", "/openapi.json", 200)


def errors(api):
    api("GET", "/nowhere", (404, "route_not_found"))
    api("PUT", "/events", (405, "method_not_allowed"))
    api("GET", "/events/no-such-event", (404, "event_not_found"))
    api("GET", f"/events/{SEATED}/dates", (401, "token_missing"))
    api("GET", f"/events/{SEATED}/tokens/me", (401, "token_invalid"), token="forged")
    path = f"/events/{SEATED}/tokens"
    api("POST", path, (400, "invalid_request"), body={"userId": "no-uuid"})
    api("POST", path, (415, "unsupported_media_type"), body=b'{"userId":""}', headers={"Content-Type": "text/plain"})


def buy_a_seat(api):
    event = f"/events/{SEATED}"
    joined = api("POST", f"{event}/tokens", 201)
    token, user = joined["token"], joined["userId"]
    must(joined["status"] == "ACTIVE", f"nobody is waiting, but the user was not admitted: {joined}")
    dates = api("GET", f"{event}/dates?soldOut=true", 200, token)["dates"]
    date = dates[-1]["date"]
    seats = api("GET", f"{event}/dates/{date}/seats?limit=2", 200, token)
    must(len(seats["seats"]) == 2 and "nextCursor" in seats, f"expected a page of two seats with a cursor: {seats}")
    seat = seats["seats"][0]["seatNumber"]
    wanted = {"date": date, "seatNumber": seat}
    held = api("POST", f"{event}/holds", 201, token, wanted)
    api("POST", f"{event}/holds", 200, token, wanted)
    other = api("POST", f"{event}/tokens", 201)["token"]
    api("POST", f"{event}/holds", (409, "seat_taken"), other, wanted)
    api("DELETE", f"{event}/tokens/me", 204, other)

    reservation = f"/reservations/{held['reservationId']}"
    price = held["totalPrice"]
    api("GET", reservation, (404, "reservation_not_found"), other)
    api("POST", f"{reservation}/payment", (402, "insufficient_balance"), token)
    charges = f"/users/{user}/wallet/charges"
    api("POST", charges, (400, "invalid_request"), token, {"amount": price})
    key = {"Idempotency-Key": "first"}
    first = api("POST", charges, 201, token, {"amount": price + 1}, key)
    again = api("POST", charges, 200, token, {"amount": price + 1}, key)
    must(first == again, f"a repeated charge has a different answer: {first} {again}")
    api("POST", charges, (403, "not_yours"), other, {"amount": 1}, key)
    paid = api("POST", f"{reservation}/payment", 201, token)
    must(paid["balance"] == 1 and paid["amount"] == price, f"unexpected payment: {paid}")
    must(api("POST", f"{reservation}/payment", 200, token) == paid, "a repeated payment has a different answer")
    api("POST", f"{event}/holds", (410, "turn_over"), token, wanted)
    must(api("GET", reservation, 200, token)["status"] == "CONFIRMED", "the paid reservation is not CONFIRMED")
    mine = api("GET", f"/users/{user}/reservations?status=CONFIRMED", 200, token)["reservations"]
    must([one["reservationId"] for one in mine] == [held["reservationId"]], f"unexpected list of reservations: {mine}")
    cancelled = api("DELETE", reservation, 200, token)
    must((cancelled["status"], cancelled["refunded"]) == ("CANCELLED", price), f"unexpected cancellation: {cancelled}")
    balance = api("GET", f"/users/{user}/wallet", 200, token)["balance"]
    entries = api("GET", f"/users/{user}/wallet/ledger", 200, token)["entries"]
    must([entry["kind"] for entry in entries] == ["REFUND", "PAYMENT", "CHARGE"], f"unexpected ledger: {entries}")
    must(sum(entry["amount"] for entry in entries) == balance == price + 1, f"the ledger does not add up to the balance: {entries}")


def wait_for_a_turn(api):
    event = f"/events/{FOR_TWO}"
    admitted = [api("POST", f"{event}/tokens", 201) for _ in range(2)]
    must([one["status"] for one in admitted] == ["ACTIVE"] * 2, f"two users should be admitted: {admitted}")
    waiting = api("POST", f"{event}/tokens", 201, body={"userId": str(uuid.uuid4())})
    must((waiting["status"], waiting["position"]) == ("WAITING", 1), f"the third user should wait: {waiting}")
    token = waiting["token"]
    api("GET", f"{event}/dates", (403, "not_admitted"), token)
    api("DELETE", f"{event}/tokens/me", 204, admitted[0]["token"])
    end = time.monotonic() + PATIENCE_SECONDS
    status = waiting
    while status["status"] == "WAITING":
        must(time.monotonic() < end, f"the third user was not called within {PATIENCE_SECONDS} s: {status}")
        time.sleep(min(status["pollAfterSeconds"], 5))
        status = api("GET", f"{event}/tokens/me", 200, token)
    must(status["status"] == "ACTIVE", f"the third user should be called: {status}")
    api("GET", f"{event}/dates", 200, token)
    for one in (admitted[1], waiting):
        api("DELETE", f"{event}/tokens/me", 204, one["token"])


def reserve_without_a_seat(api):
    event = f"/events/{GENERAL}"
    joined = api("POST", f"{event}/tokens", 201)
    token, user = joined["token"], joined["userId"]
    price = api("GET", event, 200).get("price", 0)
    if price:
        key = {"Idempotency-Key": "first"}
        api("POST", f"/users/{user}/wallet/charges", 201, token, {"amount": price}, key)
    reserved = api("POST", f"{event}/reservations", 201, token)
    must((reserved["status"], reserved["quantity"]) == ("CONFIRMED", 1), f"unexpected reservation: {reserved}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    api = Api(sys.argv[1])
    for part in (look_around, errors, buy_a_seat, wait_for_a_turn, reserve_without_a_seat):
        part(api)
    print(f"the buying flow passed: {api.responses} responses")


if __name__ == "__main__":
    main()

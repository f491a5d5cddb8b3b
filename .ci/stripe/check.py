"""Signs notifications as Stripe does, and checks the parameters that were sent, by Stripe's own library."""

import json
import re
import sys
import time
import types
import typing

import stripe
from stripe._request_options import RequestOptions
from stripe._webhook import WebhookSignature
from stripe.params import ChargeListParams, RefundCreateParams, RefundListParams, RefundRetrieveParams
from stripe.params.checkout import SessionCreateParams, SessionExpireParams, SessionRetrieveParams

ROUTES = [
    (r"POST /v1/checkout/sessions", SessionCreateParams),
    (r"GET /v1/checkout/sessions/[^/]+", SessionRetrieveParams),
    (r"POST /v1/checkout/sessions/[^/]+/expire", SessionExpireParams),
    (r"POST /v1/refunds", RefundCreateParams),
    (r"GET /v1/refunds", RefundListParams),
    (r"GET /v1/refunds/[^/]+", RefundRetrieveParams),
    (r"GET /v1/charges", ChargeListParams),
]


def sign(path):
    order = "0123456789abcdef" * 4
    cases = []
    for kind, object_type, metadata, orders in [
        ("checkout.session.completed", "checkout.session", {"orderId": order}, [order]),
        ("checkout.session.expired", "checkout.session", {"orderId": order, "note": "겨울 콘서트"}, [order]),
        ("refund.failed", "refund", {"orderId": order, "refundKey": "a"}, [order]),
        ("charge.refunded", "charge", {}, []),
        ("payout.paid", "payout", {}, []),
    ]:
        event = {
            "id": "evt_1",
            "object": "event",
            "type": kind,
            "data": {"object": {"id": "x", "object": object_type, "metadata": metadata}},
        }
        # As Stripe sends it: with spaces, and not in ASCII alone.
        body = json.dumps(event, indent=2, ensure_ascii=False)
        secret = f"whsec_{len(cases)}"
        seconds = int(time.time())
        signature = WebhookSignature._compute_signature(f"{seconds}.{body}", secret)
        header = f"t={seconds},v1={signature},v0={'0' * 64}"
        stripe.Webhook.construct_event(body, header, secret)
        case = {"secret": secret, "seconds": seconds, "header": header, "body": body, "orders": orders}
        cases.append(case)
    with open(path, "w") as file:
        json.dump(cases, file)
    print(f"{len(cases)} notifications signed")


def alternatives(annotation):
    """The types that an annotation allows, without NotRequired, Optional and Union."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType) or "Required" in str(origin):
        return [kind for part in typing.get_args(annotation) for kind in alternatives(part)]
    return [annotation]


def type_of(kind, name):
    """The type of a parameter, or None. The library's own options are no parameters."""
    if name not in kind.__annotations__ or name in RequestOptions.__annotations__:
        return None
    alone = type("Alone", (), {"__annotations__": {name: kind.__annotations__[name]}})
    return typing.get_type_hints(alone, vars(sys.modules[kind.__module__]), include_extras=True)[name]


def allows(kinds, names, value):
    """Whether one of the types has a value at this path of names."""
    for kind in kinds:
        origin = typing.get_origin(kind)
        if not names:
            if origin is typing.Literal and value in typing.get_args(kind):
                return True
            if kind is str or kind is bool and value in ("true", "false"):
                return True
            if kind is int and re.fullmatch(r"-?\d+", value):
                return True
        elif origin is list and (names[0] == "" or names[0].isdigit()):
            if allows(alternatives(typing.get_args(kind)[0]), names[1:], value):
                return True
        elif origin is dict and len(names) == 1 and value:
            return True
        elif isinstance(kind, type) and issubclass(kind, dict) and hasattr(kind, "__annotations__"):
            field = type_of(kind, names[0])
            if field is not None and allows(alternatives(field), names[1:], value):
                return True
    return False


def check_sent(path):
    with open(path) as file:
        sent = json.load(file)
    wrong, reached = [], set()
    for request in sent:
        found = [(pattern, kind) for pattern, kind in ROUTES if re.fullmatch(pattern, request["request"])]
        if len(found) != 1:
            wrong.append(request["request"])
            continue
        pattern, kind = found[0]
        reached.add(pattern)
        for name, value in request["parameters"].items():
            names = re.split(r"\]?\[|\]", name)
            names = names[:-1] if name.endswith("]") else names
            if not allows([kind], names, value):
                wrong.append(f"{request['request']}: {name}={value}")
    wrong += [f"never sent: {pattern}" for pattern, _ in ROUTES if pattern not in reached]
    # The check must be able to fail.
    assert not allows([SessionCreateParams], ["mode"], "donation")
    assert not allows([SessionCreateParams], ["line_items", "0", "price_data", "amount"], "1")
    if wrong:
        sys.exit("Stripe's library does not know:\n" + "\n".join(wrong))
    print(f"{len(sent)} requests, all parameters known")


task, version, file_path = sys.argv[1:]
if stripe.api_version != version:
    sys.exit(f"the library is of {stripe.api_version}, and we send {version}")
{"sign": sign, "sent": check_sent}[task](file_path)

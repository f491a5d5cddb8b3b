//! The measured endpoints, their callers, and their requests.

use serde_json::json;
use tests::world::{DATE, EVENT, PRICE};

use crate::names::Names;

/// The caller of an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Subject {
    /// A caller without a token.
    Anyone,
    /// A new user who will have to wait.
    NewOutside,
    /// A new user with an open slot.
    NewInside,
    Waiting,
    Inside,
    /// An admitted user with money in the wallet.
    WithMoney,
    /// An admitted user with money and a held seat.
    Holding,
}

impl Subject {
    /// A caller who takes a number by the request.
    pub(crate) fn is_new(self) -> bool {
        matches!(self, Self::NewOutside | Self::NewInside)
    }
}

/// Which of the recorded calls the handler is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Beside {
    /// All of them, in the handler's order; those that it made concurrently are concurrent.
    AllCalls,
    /// Only the update of the queue's counter.
    CounterOnly,
}

/// An endpoint and how it is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint {
    pub(crate) name: &'static str,
    pub(crate) subject: Subject,
    /// Whether the request changes the table, so that each subject can send it only once.
    pub(crate) changes: bool,
    pub(crate) beside: Beside,
    pub(crate) ask: fn(&Names) -> Ask,
}

/// A request without its caller.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Option<String>,
}

fn get(path: String) -> Ask {
    Ask {
        method: "GET",
        path,
        body: None,
    }
}

fn delete(path: String) -> Ask {
    Ask {
        method: "DELETE",
        ..get(path)
    }
}

fn post(path: String, body: Option<String>) -> Ask {
    Ask {
        method: "POST",
        path,
        body,
    }
}

fn join(names: &Names) -> Ask {
    let body = json!({ "userId": names.user }).to_string();
    post(format!("/events/{EVENT}/tokens"), Some(body))
}

fn status(_: &Names) -> Ask {
    get(format!("/events/{EVENT}/tokens/me"))
}

fn hold(names: &Names) -> Ask {
    let body = json!({ "date": DATE, "seatNumber": names.seat }).to_string();
    post(format!("/events/{EVENT}/holds"), Some(body))
}

fn charge(names: &Names) -> Ask {
    let body = json!({ "amount": PRICE }).to_string();
    post(format!("/users/{}/wallet/charges", names.user), Some(body))
}

const fn read(name: &'static str, subject: Subject, ask: fn(&Names) -> Ask) -> Endpoint {
    Endpoint {
        name,
        subject,
        changes: false,
        beside: Beside::AllCalls,
        ask,
    }
}

const fn change(name: &'static str, subject: Subject, ask: fn(&Names) -> Ask) -> Endpoint {
    Endpoint {
        changes: true,
        ..read(name, subject, ask)
    }
}

/// Joining, compared with the counter that issues the numbers: what a queue costs over a bare sequence.
pub(crate) const JOINS: Endpoint = Endpoint {
    name: "joins / counter",
    beside: Beside::CounterOnly,
    ..change("", Subject::NewOutside, join)
};

/// The list of [`MANY_EVENTS`] events.
pub(crate) const LIST_OF_MANY: &str = "list-events, 1000 events";
pub(crate) const MANY_EVENTS: usize = 1_000;
/// An event of [`MANY_DATES`] dates.
pub(crate) const EVENT_OF_MANY: &str = "get-event, 400 dates";
pub(crate) const MANY_DATES: usize = 400;

pub(crate) const ENDPOINTS: [Endpoint; 19] = [
    change("issue-token, waiting", Subject::NewOutside, join),
    change("issue-token, ACTIVE", Subject::NewInside, join),
    read("token-status, waiting", Subject::Waiting, status),
    read("token-status, ACTIVE", Subject::Inside, status),
    read("queue-status", Subject::Anyone, |_| {
        get(format!("/events/{EVENT}/queue"))
    }),
    read(
        "list-events",
        Subject::Anyone,
        |_| get("/events".to_owned()),
    ),
    read(LIST_OF_MANY, Subject::Anyone, |_| get("/events".to_owned())),
    read("get-event", Subject::Anyone, |_| {
        get(format!("/events/{EVENT}"))
    }),
    read(EVENT_OF_MANY, Subject::Anyone, |_| {
        get(format!("/events/{EVENT}"))
    }),
    read("list-dates", Subject::Inside, |_| {
        get(format!("/events/{EVENT}/dates"))
    }),
    read("list-seats", Subject::Inside, |_| {
        get(format!(
            "/events/{EVENT}/dates/{DATE}/seats?status=all&section=A"
        ))
    }),
    change("hold-seat", Subject::Inside, hold),
    change("pay", Subject::Holding, |names| {
        post(format!("/reservations/{}/payment", names.reservation), None)
    }),
    change("charge", Subject::WithMoney, charge),
    read("balance", Subject::WithMoney, |names| {
        get(format!("/users/{}/wallet", names.user))
    }),
    read("get-reservation", Subject::Holding, |names| {
        get(format!("/reservations/{}", names.reservation))
    }),
    read("list-reservations", Subject::Holding, |names| {
        get(format!("/users/{}/reservations", names.user))
    }),
    change("cancel-reservation", Subject::Holding, |names| {
        delete(format!("/reservations/{}", names.reservation))
    }),
    change("leave-queue", Subject::Waiting, |_| {
        delete(format!("/events/{EVENT}/tokens/me"))
    }),
];

//! What is measured: every endpoint, who asks it, and what is asked.

use serde_json::json;
use tests::world::{DATE, EVENT, PRICE};

use crate::names::Names;

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Subject {
    /// Somebody without a token.
    Anyone,
    /// Somebody new, who will have to wait.
    NewOutside,
    /// Somebody new, for whom a place is kept.
    NewInside,
    Waiting,
    Inside,
    /// Inside, with money in the wallet.
    WithMoney,
    /// Inside, with money and a seat on hold.
    Holding,
}

impl Subject {
    /// Somebody who takes a number by asking.
    pub(crate) fn is_new(self) -> bool {
        matches!(self, Self::NewOutside | Self::NewInside)
    }
}

/// Which of the recorded calls are made beside the handler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Beside {
    /// All of them, in the handler's order: those that it made at once, at once.
    AllCalls,
    /// Only the update of the queue's counter.
    CounterOnly,
}

/// An endpoint and how it is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint {
    pub(crate) name: &'static str,
    pub(crate) subject: Subject,
    /// Whether asking changes what is stored, so that each subject can ask only once.
    pub(crate) changes: bool,
    pub(crate) beside: Beside,
    pub(crate) ask: fn(&Names) -> Ask,
}

/// A request, but for who asks.
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

/// Joins beside the counter that hands out the numbers: what a queue costs over a bare sequence.
pub(crate) const JOINS: Endpoint = Endpoint {
    name: "joins / counter",
    beside: Beside::CounterOnly,
    ..change("", Subject::NewOutside, join)
};

pub(crate) const ENDPOINTS: [Endpoint; 17] = [
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
    read("get-event", Subject::Anyone, |_| {
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

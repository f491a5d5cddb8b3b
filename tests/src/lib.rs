//! Tests from outside: every endpoint runs through its real handler, called with API Gateway events, on the embedded
//! DynamoDB. Tests move the clock by hand and inject faults into the calls to DynamoDB.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on should stop"
)]

// What tests and benchmarks share.

/// API Gateway events as Lambda receives them.
pub mod api_gateway;
/// Paths and environments of the executables.
pub mod binaries;
/// Holds calls to DynamoDB back, so that a test decides which is made next.
pub mod call_gate;
/// The API document, and the check that every response complies with it.
pub mod contract;
/// A proxy before DynamoDB that counts connections and calls, with or without TLS.
pub mod counting_proxy;
/// The IAM permissions in template.yaml; every call of a handler is checked against them.
pub mod grants;
/// The items of the table, and whether they satisfy every invariant.
pub mod invariants;
/// An OpenID Connect issuer.
pub mod issuer;
/// Events of many dates, and lists of many events.
pub mod large_catalogue;
/// Payment providers.
pub mod payment_fakes;
/// Steps that the tests of the queue share.
pub mod queue_steps;
/// template.yaml, parsed.
pub mod template_yaml;
/// The connection between SDK and DynamoDB: meters calls, injects faults.
pub mod wire;
/// An embedded DynamoDB with an event, processes that serve it, and a manual clock.
pub mod world;

// Tests in this process.

/// Each endpoint, feature by feature.
#[cfg(test)]
mod api;
/// `boxoffice apply` while tickets are sold.
#[cfg(test)]
mod applying;
/// The audit finds each broken invariant.
#[cfg(test)]
mod audit_findings;
/// Seats that an operator keeps off sale.
#[cfg(test)]
mod blocks;
/// The DynamoDB calls and units that each request may cost.
#[cfg(test)]
mod budget;
/// Single dates that are cancelled.
#[cfg(test)]
mod cancelled_dates;
/// Events that are cancelled, and the refunds.
#[cfg(test)]
mod cancelled_events;
/// Blocked seats that a channel's codes open.
#[cfg(test)]
mod channels;
/// Charges that a payment provider confirms.
#[cfg(test)]
mod charges;
/// Crashes, lost answers, throttles and conflicts in each kind of call, for every kind of queue.
#[cfg(test)]
mod every_fault;
/// The same faults in chosen calls, each with its exact outcome.
#[cfg(test)]
mod fault;
/// The recorded history of sales.
#[cfg(test)]
mod history;
/// Every function has exactly the permissions that it uses.
#[cfg(test)]
mod iam;
/// What operators did, in the journal.
#[cfg(test)]
mod journal;
/// The queue protocol as a model whose every state is checked, and its comparison with the code.
#[cfg(test)]
mod model;
/// The costs that `boxoffice plan` assumes are those of the handlers.
#[cfg(test)]
mod plan_costs;
/// Dates that are postponed.
#[cfg(test)]
mod postponed_dates;
/// Presales: joining with a code before the general sale.
#[cfg(test)]
mod presale;
#[cfg(test)]
mod printed;
/// The payment providers, each against a fake of it.
#[cfg(test)]
mod providers;
/// Concurrent requests over several processes.
#[cfg(test)]
mod race;
/// Thousands of users with random actions and faults, after which all invariants must hold.
#[cfg(test)]
mod random;
/// An operator who changes the sales of the random run.
#[cfg(test)]
mod random_operator;
/// The same in a shop whose buyers pay at a provider.
#[cfg(test)]
mod random_payments;
/// Events that get another name or place, or are hidden.
#[cfg(test)]
mod renamed_events;
/// Parts of reservations that are given back.
#[cfg(test)]
mod returns;
/// Costs that must not grow with waiting users, events or seats.
#[cfg(test)]
mod scale;
/// When the schedule reports a queue as stalled.
#[cfg(test)]
mod stalled;
/// The events that the table's stream publishes.
#[cfg(test)]
mod stream;
/// A payment provider that is down, or whose answers are lost.
#[cfg(test)]
mod unreliable;

// Tests of files in the repository.

/// The costs in OPERATIONS.md are those of `boxoffice plan`.
#[cfg(test)]
mod cost_table;
/// DATA-MODEL.md lists the attributes that are written.
#[cfg(test)]
mod data_model;
/// infra/deployer.yaml allows what a deployment needs.
#[cfg(test)]
mod deployer;
/// Links in the documents lead somewhere.
#[cfg(test)]
mod documents;
/// infra/openapi.yaml matches the code.
#[cfg(test)]
mod openapi;
/// REQUIREMENTS.md names existing tests, and the diagrams are complete.
#[cfg(test)]
mod requirements;
/// template.yaml and infra/ are consistent with the code.
#[cfg(test)]
mod template;

// Tests of executables.

/// What commands do when their output cannot be written, and how they print foreign text.
#[cfg(test)]
mod command_output;
/// `boxoffice desk`, through its own API.
#[cfg(test)]
mod desk;
/// What operators find and do at the desk.
#[cfg(test)]
mod desk_acts;
/// The Lambda executables, on an emulated Runtime API.
#[cfg(test)]
mod embedded_dynamodb;

#[cfg(test)]
mod lambda;
/// `boxoffice events`, `orders` and `export` against a running server.
#[cfg(test)]
mod lookup;
/// `boxoffice audit`, `report` and `keys rotate` against a running server.
#[cfg(test)]
mod operator;
/// `boxoffice plan`, and that it agrees with what a crowd does to a server.
#[cfg(test)]
mod plan;
/// `boxoffice rush` against a running server.
#[cfg(test)]
mod rush;
/// `boxoffice serve`, `apply` and `verify-draw`.
#[cfg(test)]
mod serve;
/// Paying at the demo provider of `serve`.
#[cfg(test)]
mod serve_payments;
/// What `serve` keeps safe: its data and its ports.
#[cfg(test)]
mod serve_safety;
/// Shop, desk and API documentation in a real browser.
#[cfg(test)]
mod web;

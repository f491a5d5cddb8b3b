//! Boxoffice's domain crate.
//!
//! Three things are kept apart here. The rules ([`event`], [`queue`], [`seats`], [`reservation`],
//! [`wallet`], [`token`], [`oidc`]) are pure: no I/O and no clock, `now` is passed in; but for
//! reading an issuer's keys. The [`store`] is the only
//! place that knows table keys, expressions and the AWS SDK. [`http`] is the only place that knows
//! status codes. [`app`] holds what a process keeps between requests and the operations that
//! the functions call.

pub mod app;
pub mod audit;
pub mod config;
pub mod http;
pub mod http_client;
pub mod lambda;
pub mod loopback;
pub mod metrics;
pub mod oidc;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod store;
pub mod telemetry;
pub mod token;

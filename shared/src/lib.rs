//! Boxoffice's application library, used by all functions and by the command line.
//!
//! The rules are in the crate `domain`. Here, the [`store`] is the only layer that knows table
//! keys, expressions and the AWS SDK; [`http`] is the only layer that knows status codes; [`app`]
//! has the state that a process keeps between requests and the operations that the functions call;
//! [`provider`] has the payment providers; [`token`] and [`oidc`] sign and verify tokens; [`sign_in`] tells the shop how its users sign in.

pub mod app;
pub mod audit;
pub mod config;
pub mod exchange;
pub mod http;
pub mod http_client;
mod jwt;
pub mod lambda;
pub mod loopback;
pub mod metrics;
pub mod oidc;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod origin;
pub mod provider;
pub mod secrets;
pub mod sign_in;
pub mod store;
pub mod telemetry;
pub mod token;

//! Black-box tests: every endpoint through its real handler, fed with API Gateway events, against the embedded
//! DynamoDB, with a clock that is moved by hand and a wire on which faults can be injected.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on should stop"
)]

pub mod binaries;
pub mod books;
pub mod contract;
pub mod deployed;
pub mod event;
pub mod gate;
pub mod grants;
pub mod issuer;
pub mod line;
pub mod relay;
pub mod wire;
pub mod world;

#[cfg(test)]
mod api;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod budget;
#[cfg(test)]
mod data_model;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod fault;
#[cfg(test)]
mod iam;
#[cfg(test)]
mod lambda;
#[cfg(test)]
mod model;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod race;
#[cfg(test)]
mod random;
#[cfg(test)]
mod requirements;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod standstill;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod sweep;
#[cfg(test)]
mod template;
#[cfg(test)]
mod web;

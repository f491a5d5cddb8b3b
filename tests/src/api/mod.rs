//! What the contract promises, endpoint by endpoint.

mod buying;
mod conventions;
mod queue;
mod reservations;
mod seats;
mod wallet;

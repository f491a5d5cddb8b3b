//! What the contract promises, endpoint by endpoint.

mod batch;
mod best_available;
mod buying;
mod conventions;
mod draw;
mod identity;
mod lanes;
mod ledger;
mod overbooking;
mod pages;
mod queue;
mod requeue;
mod reservations;
mod rotation;
mod seats;
mod steering;
mod tickets;
mod token_ends_on_hold;
mod wallet;

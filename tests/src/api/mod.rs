//! The API's behaviour, feature by feature.

mod batch;
mod best_available;
mod buying;
mod clocks;
mod conventions;
mod cool_down;
mod describing;
mod draw;
mod general_admission;
mod identity;
mod key_rotation;
mod lanes;
mod ledger;
mod overbooking;
mod pages;
mod queue;
mod rehearsal;
mod requeue;
mod reservations;
mod seats;
mod shop_page;
mod sold_out;
mod steering;
mod token_ends_on_hold;
mod unpaid_holds;
mod wallet;

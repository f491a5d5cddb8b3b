//! The shop, the API's documentation and the desk in a real browser.

mod accessible;
mod amounts;
mod at_the_venue;
mod browser;
mod buying;
mod calendar_file;
mod changed_plans;
mod checkout;
mod choosing;
mod desk;
mod docs;
mod fees;
mod keyboard;
mod lost_answers;
mod money_back;
mod numbers;
mod paying;
mod payment_states;
mod pictures;
mod seats;
mod signing_in;
mod site;
mod tickets;
mod upgrades;
mod waiting;
mod waiting_room;

//! Boxoffice's rules, as functions of values.
//!
//! Nothing here does I/O or reads the clock: `now` is an argument. The crate depends on no AWS SDK,
//! no async runtime and no HTTP library, so the compiler keeps the rules apart from the store and
//! from the API.

pub mod access_code;
pub mod best;
pub mod block;
pub mod books;
pub mod charge;
pub mod clock;
pub mod device_link;
pub mod event;
pub mod fees;
pub mod history;
pub mod ids;
pub mod image;
pub mod invariants;
pub mod journal;
pub mod localized;
pub mod money;
pub mod plans;
pub mod presale;
pub mod profile;
pub mod queue;
pub mod refusal;
pub mod rehearsal;
pub mod reservation;
pub mod returns;
#[cfg(feature = "openapi")]
pub mod schema;
pub mod seating;
pub mod seats;
pub mod shortage;
pub mod stock;
pub mod wallet;
pub mod withdrawal;

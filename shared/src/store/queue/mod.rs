//! The queue's items: heads, sessions and queue entries.

mod entries;
mod heads;
mod sessions;

pub use entries::{Entered, TurnEnd};
pub use heads::Progress;
pub use sessions::{Arrival, SessionKey};

pub(super) use sessions::{
    end_session, extend_session, read_opened_session, read_session, read_session_and_holds,
    session_ttl,
};

//! What each endpoint costs.

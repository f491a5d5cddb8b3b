//! A broken wire.

//! Boxoffice on one machine, and the operator's command.
//!
//! `serve` runs the very handlers that run on Lambda, behind an HTTP [`front`], over an [`embedded`] DynamoDB. The other
//! commands work on any table, in the cloud or on this machine.

pub mod apply;
pub mod audit;
pub mod catalog;
pub mod command;
pub mod desk;
pub mod embedded;
pub mod front;
pub mod keys;
pub mod listen;
mod live;
pub mod logs;
pub mod queue;
pub mod report;
pub mod serve;
pub mod target;
pub mod verify_draw;

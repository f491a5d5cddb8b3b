//! The commands: the arguments of each, and what it prints.

pub mod apply;
pub mod audit;
pub mod blocks;
pub mod cancel_event;
pub mod codes;
pub mod desk;
pub mod events;
pub mod export;
pub mod journal;
pub mod keys;
pub mod orders;
pub mod plan;
pub mod postpone;
pub mod queue;
pub mod report;
pub mod return_tickets;
pub mod rush;
pub mod serve;
pub mod verify_draw;
pub mod withdrawals;

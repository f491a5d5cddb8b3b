//! Boxoffice on one machine, and the operator's commands.
//!
//! `serve` runs the same handlers that run on Lambda, behind an HTTP [`gateway`] and over an [`embedded_dynamodb`]. The other
//! commands work on any Boxoffice table, in the cloud or on this machine.
//!
//! [`command_line`] calls [`commands`], and these call the other modules. No module calls back.

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod access_keys;
pub mod account_quotas;
pub mod author;
pub mod block_list;
pub mod blocking;
pub mod cancelling;
pub mod catalog;
pub mod catalog_update;
pub mod command_line;
pub mod commands;
pub mod crowd;
pub mod crowd_options;
pub mod demo_provider;
pub mod desk;
pub mod draw_proof;
pub mod embedded_dynamodb;
pub mod event_list;
pub mod export;
pub mod gateway;
pub mod http_server;
pub mod journal_list;
pub mod known_event;
pub mod logging;
pub mod money_view;
pub mod open_withdrawals;
pub mod order_search;
pub mod order_story;
pub mod order_view;
mod outcome;
pub mod output;
pub mod output_file;
pub mod permits;
pub mod plan;
pub mod ports;
pub mod postponing;
pub mod progress;
pub mod queue_status;
pub mod replanning;
pub mod report_page;
pub mod rush;
pub mod sales_report;
pub mod seat_list;
pub mod service_clock;
pub mod steering;
pub mod table_options;
pub mod text_table;
pub mod ticket_counts;
pub mod unknown;
pub mod user_records;
pub mod wanted_reservations;

pub use outcome::Outcome;

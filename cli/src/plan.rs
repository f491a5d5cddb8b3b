//! `boxoffice plan`: simulates an on-sale and proposes settings for it.
//!
//! [`simulation`] moves people and queue by the rules of `domain` over models of the services: [`table`] (`DynamoDB`),
//! [`functions`] (Lambda) and the gateway. [`costs`] says what a request costs. No module does I/O.

pub mod account;
pub mod bill;
pub mod costs;
pub mod functions;
pub mod lane;
pub mod month;
pub mod observed;
pub mod prices;
pub mod proposal;
pub mod report;
pub mod scenario;
pub mod simulation;
pub mod stock;
pub mod table;

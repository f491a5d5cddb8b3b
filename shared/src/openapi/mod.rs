//! The API document (OpenAPI 3.1). It is generated from the descriptions of the functions, which
//! are next to the handlers, from the types of their bodies, and from the table of problems. The
//! feature `openapi` is never enabled in a Lambda function.

mod document;
mod operation;
mod transforms;

pub use document::{Document, document};
pub use operation::{Access, Operation, Tag};

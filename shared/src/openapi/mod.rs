//! The API's document (OpenAPI 3.1), made from what the functions say of themselves beside their handlers, from the types
//! that they answer with, and from the table of problems. Only behind the feature `openapi`: no Lambda carries it.

mod document;
mod operation;

pub use document::{Document, document};
pub use operation::{Operation, Tag, Who};

//! The web pages, and the 404 and 405 responses for requests that match no other route.

mod encoding;
mod routes;
mod shop;
mod web;

pub use routes::{ROUTES, Resolved, Route, methods_of, resolve};
pub use shop::page as shop_page;
pub use web::REVALIDATE;

use domain::refusal::Refusal;
use shared::http::{Answer, ApiRequest};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "pages",
    init: Init::Nothing,
    takes_body: false,
    handler: |_, request| Box::pin(std::future::ready(answer(request))),
};

/// Answers a request. Needs no store, and no configuration but the stage variables.
pub fn answer(request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let path = request.path();
    if matches!(request.method().as_str(), "GET" | "HEAD")
        && let Some(page) = web::answer(&path, request)
    {
        return Ok(page);
    }
    let methods = methods_of(&path);
    // A GET of an unknown page below a wildcard route is a 404, not a 405.
    if methods.is_empty() || methods.contains(&request.method().as_str()) {
        return web::nowhere(request).ok_or(Refusal::RouteNotFound);
    }
    Err(Refusal::MethodNotAllowed {
        allow: methods.join(", "),
    })
}

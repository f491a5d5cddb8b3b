//! GET / and everything that no other function answers: the web pages, and the 404 and 405 answers.

mod routes;
mod web;

pub use routes::{ROUTES, Resolved, Route, methods_of, resolve};

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

/// The answer, for which nothing else is needed than the request.
pub fn answer(request: &mut ApiRequest) -> Result<Answer, Refusal> {
    let path = request.path();
    if request.method() == "GET"
        && let Some(page) = web::answer(&path, request)
    {
        return Ok(page);
    }
    let methods = methods_of(&path);
    // A page that does not exist (yet) is no method problem.
    if methods.is_empty() || methods.contains(&request.method().as_str()) {
        return Err(Refusal::RouteNotFound);
    }
    Err(Refusal::MethodNotAllowed {
        allow: methods.join(", "),
    })
}

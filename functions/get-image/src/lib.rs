//! GET /images/{eventId}/{name}: a picture of an event in one size. Public. The name contains a hash of the picture, so browsers
//! and CDN keep it for ever.

use domain::image::ImageName;
use domain::refusal::Refusal;
use lambda_http::http::header::{ETAG, IF_NONE_MATCH};
use shared::app::App;
use shared::http::{Answer, ApiRequest};
use shared::lambda::{Function, Init};

/// The endpoint.
pub const FUNCTION: Function = Function {
    name: "get-image",
    init: Init::Nothing,
    takes_body: false,
    handler: |app, request| Box::pin(handle(app, request)),
};

async fn handle(app: &App, request: &mut ApiRequest) -> Result<Answer, Refusal> {
    // To a client, an address without a picture is a path where there is nothing.
    let event_id = request.path_event().map_err(|_| Refusal::RouteNotFound)?;
    let name = request
        .path_parameter("name", ImageName::parse)
        .map_err(|_| Refusal::RouteNotFound)?;
    let tag = format!("\"{name}\"");
    let known = request.header(IF_NONE_MATCH.as_str()).unwrap_or_default();
    let is_known = known
        .split(',')
        .any(|known| known.trim().trim_start_matches("W/") == tag);
    let answer = if is_known {
        Answer::not_modified()
    } else {
        let jpeg = app.store().picture(&event_id, &name).await?;
        Answer::page("image/jpeg", jpeg.ok_or(Refusal::RouteNotFound)?)
    };
    Ok(answer.kept_forever().with(ETAG, &tag))
}

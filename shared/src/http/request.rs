//! A request, read bit by bit in the order in which refusals answer.

use std::borrow::Cow;

use lambda_http::http::header::{AUTHORIZATION, CONTENT_TYPE};
use lambda_http::http::{HeaderMap, Method};
use lambda_http::{Body, Request, RequestExt};
use percent_encoding::percent_decode_str;

use super::{BodyFields, LARGEST_BODY};
use crate::app::{App, Known};
use crate::token::Token;
use domain::clock::EpochMs;
use domain::ids::{DateKey, EventId, Malformed, ReservationId, UserId};
use domain::refusal::{FieldError, Refusal};

/// One request, and when it came. The clock is read once.
#[derive(Debug)]
pub struct ApiRequest {
    request: Request,
    now: EpochMs,
    user_id: Option<UserId>,
}

impl ApiRequest {
    pub(crate) fn new(request: Request, now: EpochMs) -> Self {
        Self {
            request,
            now,
            user_id: None,
        }
    }

    /// When the request came.
    #[must_use]
    pub fn now(&self) -> EpochMs {
        self.now
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        self.request.method()
    }

    /// The path as it was sent.
    #[must_use]
    pub fn path(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.request.raw_http_path())
    }

    /// For the log: the method and the route. Ids stand in fields of their own, and a path that is none of ours may hold
    /// anything.
    pub(crate) fn route(&self) -> String {
        let parameters = self.request.path_parameters();
        let mut segments: Vec<Cow<'_, str>> = self
            .request
            .raw_http_path()
            .split('/')
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy())
            .collect();
        for (name, value) in parameters.iter() {
            // The last one that fits: an event may be called `events`.
            if let Some(segment) = segments.iter_mut().rfind(|segment| *segment == value) {
                *segment = Cow::Owned(format!("{{{name}}}"));
            }
        }
        format!("{} {}", self.method(), segments.join("/"))
    }

    /// For the log: whose request it was, once the token has said so.
    pub(crate) fn user_id(&self) -> Option<UserId> {
        self.user_id
    }

    /// For the log.
    pub(crate) fn event_id(&self) -> Option<EventId> {
        self.event_id_in_path().ok()
    }

    /// Notes whose request it is, where no token says so.
    pub fn is_by(&mut self, user_id: UserId) {
        self.user_id = Some(user_id);
    }

    fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// A header's value, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    fn body(&self) -> &[u8] {
        match self.request.body() {
            Body::Text(text) => text.as_bytes(),
            Body::Binary(bytes) => bytes,
            // Empty; and kinds that later versions of the runtime may bring.
            _ => &[],
        }
    }

    /// Media type and size, which answer before anything else that a function looks at. An empty body, or an empty
    /// object, needs no media type.
    pub(crate) fn check_body(&self) -> Result<(), Refusal> {
        let body = self.body();
        let is_empty = matches!(body.trim_ascii(), b"" | b"{}");
        if !is_empty && !self.is_json() {
            return Err(Refusal::UnsupportedMediaType);
        }
        if body.len() > LARGEST_BODY {
            return Err(Refusal::BodyTooLarge);
        }
        Ok(())
    }

    fn is_json(&self) -> bool {
        self.headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
    }

    /// The body's fields.
    pub fn body_fields(&self) -> Result<BodyFields, Refusal> {
        BodyFields::parse(self.body())
    }

    /// The body, as `read` takes it from its fields.
    pub fn read_body<T>(
        &self,
        read: impl FnOnce(&mut BodyFields) -> Option<T>,
    ) -> Result<T, Refusal> {
        let mut fields = self.body_fields()?;
        let value = read(&mut fields);
        fields.finish(value)
    }

    /// *known*: by a genuine, unexpired token of any event, or of the issuer.
    pub async fn known(&mut self, app: &App) -> Result<UserId, Refusal> {
        let text = self.bearer().ok_or(Refusal::TokenMissing)?;
        let user_id = app.known(text, self.now).await?.user_id();
        self.user_id = Some(user_id);
        Ok(user_id)
    }

    /// *known*, and the event in the path: a token of another event is none.
    pub async fn known_in_line(&mut self, app: &App) -> Result<(Known, EventId), Refusal> {
        let text = self.bearer().ok_or(Refusal::TokenMissing)?;
        let known = app.known(text, self.now).await?;
        self.user_id = Some(known.user_id());
        let event_id = match &known {
            Known::Queue(token) => self.own_event(token)?,
            Known::Issuer(_) => self.path_event()?,
        };
        Ok((known, event_id))
    }

    /// For what is *inside*: a genuine, unexpired token of the queue of the event in the path.
    pub async fn event_token(&mut self, app: &App) -> Result<Token, Refusal> {
        let text = self.bearer().ok_or(Refusal::TokenMissing)?;
        let token = app.verify(text, self.now).await?;
        self.user_id = Some(token.user_id);
        self.own_event(&token)?;
        Ok(token)
    }

    fn own_event(&self, token: &Token) -> Result<EventId, Refusal> {
        self.event_id_in_path()
            .ok()
            .filter(|event_id| *event_id == token.event_id)
            .ok_or(Refusal::TokenInvalid)
    }

    /// Who joins, where an issuer must say so; none where users are believed.
    pub async fn joiner(&self, app: &App) -> Result<Option<UserId>, Refusal> {
        app.joiner(self.bearer(), self.now).await
    }

    /// *known*, and the user who is named; the last check of a request before it is looked up.
    pub fn check_own(known: UserId, user: UserId) -> Result<(), Refusal> {
        if known == user {
            Ok(())
        } else {
            Err(Refusal::NotYours)
        }
    }

    fn bearer(&self) -> Option<&str> {
        let value = self.headers().get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.trim().split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    }

    fn parameter<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Malformed>,
    ) -> Result<T, FieldError> {
        let parameters = self.request.path_parameters();
        parse(parameters.first(name).unwrap_or_default())
            .map_err(|message| FieldError::new(format!("path:{name}"), message))
    }

    fn event_id_in_path(&self) -> Result<EventId, FieldError> {
        self.parameter("eventId", EventId::parse)
    }

    /// The event in the path.
    pub fn path_event(&self) -> Result<EventId, Refusal> {
        Ok(self.event_id_in_path()?)
    }

    /// The user in the path.
    pub fn path_user(&self) -> Result<UserId, Refusal> {
        Ok(self.parameter("userId", UserId::parse)?)
    }

    /// The date in the path.
    pub fn path_date(&self) -> Result<DateKey, FieldError> {
        self.parameter("date", DateKey::parse)
    }

    /// The reservation in the path; a text that is no id names none.
    pub fn path_reservation(&self) -> Result<ReservationId, Refusal> {
        self.parameter("reservationId", ReservationId::parse)
            .map_err(|_| Refusal::ReservationNotFound)
    }

    /// A query parameter that is there is read by `parse`.
    pub fn query<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, FieldError> {
        self.request
            .query_string_parameters()
            .first(name)
            .map(parse)
            .transpose()
            .map_err(|message| FieldError::new(format!("query:{name}"), message))
    }

    /// `limit`: 1 to `most`.
    pub fn limit(&self, default: usize, most: usize) -> Result<usize, FieldError> {
        let limit = self.query("limit", |text| {
            text.parse()
                .ok()
                .filter(|limit| (1..=most).contains(limit))
                .ok_or_else(|| format!("must be 1 to {most}"))
        })?;
        Ok(limit.unwrap_or(default))
    }
}

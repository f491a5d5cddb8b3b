//! A request of the API. Handlers read its parts in the order of precedence of the refusals.

use std::borrow::Cow;

use lambda_http::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST};
use lambda_http::http::{HeaderMap, Method};
use lambda_http::{Body, Request, RequestExt};
use percent_encoding::percent_decode_str;

use super::{BodyFields, LARGEST_BODY};
use crate::app::{App, Caller};
use crate::provider::Notification;
use crate::sign_in::{CLIENT_ID, SignIn};
use crate::token::Token;
use domain::charge::ProviderName;
use domain::clock::EpochMs;
use domain::ids::{DateKey, EventId, Malformed, ReservationId, UserId};
use domain::refusal::{FieldError, Refusal};
use domain::rehearsal::Challenge;
use domain::wallet::IdempotencyKey;

/// The header that makes a charge, or the use of a device link, safe to repeat.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The schema of [`IDEMPOTENCY_KEY`].
#[cfg(feature = "openapi")]
#[must_use]
pub fn idempotency_key_schema() -> serde_json::Value {
    serde_json::json!({"type": "string", "pattern": "^[!-~]{1,64}$", "examples": ["charge-1"]})
}

/// The stage variable with the payment provider, as the template's parameter has it. The functions that only tell of it have no
/// provider of their own.
pub const PAYMENT_PROVIDER: &str = "paymentProvider";
/// The stage variable with the origin of the CDN. Like those of [`SignIn`], it cannot be an environment variable.
const PUBLIC_ORIGIN: &str = "publicOrigin";

/// A request and the time of its arrival. The clock is read once per request.
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

    /// The time of the request.
    #[must_use]
    pub fn now(&self) -> EpochMs {
        self.now
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        self.request.method()
    }

    /// The path as received.
    #[must_use]
    pub fn path(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.request.raw_http_path())
    }

    /// For the log: method and route. Ids have fields of their own, and unknown paths may contain
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
            // The last match, because an event may be called `events`.
            if let Some(segment) = segments.iter_mut().rfind(|segment| *segment == value) {
                *segment = Cow::Owned(format!("{{{name}}}"));
            }
        }
        format!("{} {}", self.method(), segments.join("/"))
    }

    /// For the log: the user, as soon as the token has been read.
    pub(crate) fn user_id(&self) -> Option<UserId> {
        self.user_id
    }

    /// For the log.
    pub(crate) fn event_id(&self) -> Option<EventId> {
        self.event_id_in_path().ok()
    }

    /// Sets the user for the log if no token identifies the user.
    pub fn set_user(&mut self, user_id: UserId) {
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

    /// The value of a header that may be sent once. API Gateway joins several values by commas
    /// before a function sees them.
    pub fn single_header(&self, name: &str) -> Result<Option<&str>, FieldError> {
        let mut values = self.headers().get_all(name).iter();
        let refuse = |message: &str| FieldError::new(format!("header:{name}"), message);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => match value.to_str() {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(refuse("must be visible ASCII")),
            },
            (Some(_), Some(_)) => Err(refuse("must be sent once")),
        }
    }

    fn body(&self) -> &[u8] {
        match self.request.body() {
            Body::Text(text) => text.as_bytes(),
            Body::Binary(bytes) => bytes,
            // Empty, or a kind of body that a later version of the runtime adds.
            _ => &[],
        }
    }

    /// The request as a payment provider's notification.
    #[must_use]
    pub fn notification(&self) -> Notification<'_> {
        Notification {
            headers: self.headers(),
            body: self.body(),
            received_at: self.now,
        }
    }

    /// Checks media type and size, before anything else. An empty body or an empty object needs no
    /// media type.
    pub(crate) fn check_body(&self) -> Result<(), Refusal> {
        let body = self.body();
        let is_empty = matches!(body.trim_ascii(), b"" | b"{}");
        let is_readable = self.is_json() && self.is_plain();
        if !is_empty && !is_readable {
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

    /// Whether the body is not compressed.
    fn is_plain(&self) -> bool {
        self.headers()
            .get_all(CONTENT_ENCODING)
            .iter()
            .all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    }

    /// The header that makes a request safe to repeat. An error is reported together with those of the body.
    pub fn idempotency_key(&self, body: &mut BodyFields) -> Option<IdempotencyKey> {
        let key = match self.single_header(IDEMPOTENCY_KEY) {
            Ok(Some(key)) => IdempotencyKey::parse(key).map_err(|message| FieldError {
                field: format!("header:{IDEMPOTENCY_KEY}"),
                message,
            }),
            Ok(None) => Err(FieldError::new(
                format!("header:{IDEMPOTENCY_KEY}"),
                "is required",
            )),
            Err(error) => Err(error),
        };
        match key {
            Ok(key) => Some(key),
            Err(error) => {
                body.refuse(&error.field, &error.message);
                None
            }
        }
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

    /// Identifies the caller by a valid queue token of any event, or by an ID token of the issuer.
    pub async fn caller(&mut self, app: &App) -> Result<UserId, Refusal> {
        Ok(self.any_caller(app).await?.user_id())
    }

    /// The same, with the caller's token.
    pub async fn any_caller(&mut self, app: &App) -> Result<Caller, Refusal> {
        let text = self.bearer().ok_or(Refusal::TokenMissing)?;
        let caller = app.caller(text, self.client_of_stage(), self.now).await?;
        self.user_id = Some(caller.user_id());
        Ok(caller)
    }

    /// Identifies the caller. A queue token must be for the event in the path.
    pub async fn event_caller(&mut self, app: &App) -> Result<(Caller, EventId), Refusal> {
        let caller = self.any_caller(app).await?;
        let event_id = match &caller {
            Caller::QueueToken(token) => self.own_event(token)?,
            Caller::IdToken(_) => self.path_event()?,
        };
        Ok((caller, event_id))
    }

    /// The queue token of an admitted user's request. It must be for the event in the path.
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

    /// The user named by an ID token. `None` if no issuer is configured; then requests state the
    /// user id.
    pub async fn signed_in_user(&self, app: &App) -> Result<Option<UserId>, Refusal> {
        app.signed_in_user(self.bearer(), self.client_of_stage(), self.now)
            .await
    }

    /// Refuses a request for another user's data. This is the last check before the store is read.
    pub fn check_own(caller: UserId, user: UserId) -> Result<(), Refusal> {
        if caller == user {
            Ok(())
        } else {
            Err(Refusal::NotYours)
        }
    }

    /// How the shop signs users in. `None` if it does not.
    #[must_use]
    pub fn sign_in(&self) -> Option<SignIn> {
        let variables = self.request.stage_variables_ref()?;
        let sign_in = SignIn::of_stage(|name| variables.first(name))?;
        sign_in
            .inspect_err(|error| tracing::error!(%error, "the stage variables are invalid"))
            .ok()
    }

    /// The payment provider that confirms charges. `None`: whoever charges a wallet is trusted.
    #[must_use]
    pub fn payment_provider(&self) -> Option<ProviderName> {
        let name = self
            .request
            .stage_variables_ref()?
            .first(PAYMENT_PROVIDER)?;
        ProviderName::parse(&name.to_ascii_lowercase())
    }

    /// The origin at which browsers reach the system: the stage variable that the template sets behind the CDN, otherwise
    /// the one that the request was sent to.
    #[must_use]
    pub fn public_origin(&self) -> String {
        let variables = self.request.stage_variables_ref();
        if let Some(origin) = variables.and_then(|variables| variables.first(PUBLIC_ORIGIN)) {
            return origin.to_owned();
        }
        let scheme = self.header("x-forwarded-proto").unwrap_or("http");
        let host = self.header(HOST.as_str()).unwrap_or_default();
        format!("{scheme}://{host}")
    }

    fn client_of_stage(&self) -> Option<&str> {
        self.request.stage_variables_ref()?.first(CLIENT_ID)
    }

    fn bearer(&self) -> Option<&str> {
        let value = self.headers().get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.trim().split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    }

    /// A parameter of the path.
    pub fn path_parameter<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Malformed>,
    ) -> Result<T, FieldError> {
        let parameters = self.request.path_parameters();
        parse(parameters.first(name).unwrap_or_default())
            .map_err(|message| FieldError::new(format!("path:{name}"), message))
    }

    fn event_id_in_path(&self) -> Result<EventId, FieldError> {
        self.path_parameter("eventId", EventId::parse)
    }

    /// The event in the path.
    pub fn path_event(&self) -> Result<EventId, Refusal> {
        Ok(self.event_id_in_path()?)
    }

    /// The user in the path.
    pub fn path_user(&self) -> Result<UserId, Refusal> {
        Ok(self.path_parameter("userId", UserId::parse)?)
    }

    /// The challenge in the path.
    pub fn path_challenge(&self) -> Result<Challenge, Refusal> {
        Ok(self.path_parameter("challenge", Challenge::parse)?)
    }

    /// The date in the path.
    pub fn path_date(&self) -> Result<DateKey, FieldError> {
        self.path_parameter("date", DateKey::parse)
    }

    /// The reservation in the path. A malformed id is reported as not found.
    pub fn path_reservation(&self) -> Result<ReservationId, Refusal> {
        self.path_parameter("reservationId", ReservationId::parse)
            .map_err(|_| Refusal::ReservationNotFound)
    }

    /// An optional query parameter.
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

    /// Refuses query parameters other than these, where a misspelled one would change what is done.
    pub fn refuse_other_queries(&self, known: &[&str]) -> Result<(), Refusal> {
        let unknown: Vec<FieldError> = self
            .request
            .query_string_parameters()
            .iter()
            .filter(|(name, _)| !known.contains(name))
            .map(|(name, _)| FieldError::new(format!("query:{name}"), "is unknown"))
            .collect();
        if unknown.is_empty() {
            Ok(())
        } else {
            Err(Refusal::InvalidRequest(unknown))
        }
    }

    /// The query parameter `limit`: 1 to `most`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_may_be_sent_once_is_refused_if_it_is_sent_twice() {
        let read = |values: &[&str]| {
            let request = values
                .iter()
                .fold(lambda_http::http::Request::builder(), |request, value| {
                    request.header("Idempotency-Key", *value)
                });
            let request = request.body(Body::Empty).unwrap();
            let request = ApiRequest::new(request, EpochMs(0));
            let read = request.single_header("Idempotency-Key");
            read.map(|value| value.map(str::to_owned))
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["a"]), Ok(Some("a".to_owned())));
        let refused = read(&["a", "b"]).unwrap_err();
        assert_eq!(refused.field, "header:Idempotency-Key");
        assert!(read(&["a", "a"]).is_err());
    }
}

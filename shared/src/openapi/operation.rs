//! The description of an operation.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::http::problem::{self, Kind};
use crate::http::{BodyFields, describe};
use crate::lambda::{Function, Init};

/// Who may call an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    Anyone,
    /// Anyone; if the deployment has an OpenID Connect issuer, only users with its ID token.
    SignedIn,
    /// A user with a valid token, in any state of the queue.
    Identified,
    /// A user with a valid queue token of the event and a live session.
    Admitted,
}

/// The part of the API that an operation belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tag {
    Events,
    Queue,
    Seats,
    Reservations,
    Wallet,
}

impl Tag {
    pub(super) const ALL: [(Self, &'static str, &'static str); 5] = [
        (
            Self::Events,
            "Events",
            "Events and their availability. Public.",
        ),
        (Self::Queue, "Queue", "Joining the queue and waiting in it."),
        (
            Self::Seats,
            "Seats",
            "Free seats and holds. For admitted users.",
        ),
        (
            Self::Reservations,
            "Reservations",
            "Paying, viewing and cancelling reservations.",
        ),
        (
            Self::Wallet,
            "Wallet",
            "The prepaid balance that pays for reservations.",
        ),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(tag, ..)| *tag == self)
            .map_or("", |(_, name, _)| name)
    }
}

type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

pub(super) struct Success {
    pub(super) status: u16,
    pub(super) description: &'static str,
    pub(super) schema: Option<SchemaOf>,
}

pub(super) struct Parameter {
    pub(super) name: &'static str,
    /// `query` or `header`. Path parameters are derived from the path.
    pub(super) place: &'static str,
    pub(super) required: bool,
    pub(super) description: &'static str,
    pub(super) schema: Schema,
}

pub(super) struct RequestBody {
    pub(super) required: bool,
    pub(super) schema: Schema,
}

/// An endpoint of the API.
pub struct Operation {
    /// The function that handles it.
    pub function: &'static str,
    pub method: &'static str,
    /// As in template.yaml.
    pub path: &'static str,
    pub(super) tag: Tag,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) access: Access,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<RequestBody>,
    pub(super) successes: Vec<Success>,
    pub(super) is_public: bool,
    pub(super) has_retry_after: bool,
    errors: Vec<Kind>,
}

impl Operation {
    /// Creates an operation from its function, `METHOD /path`, and who may call it.
    #[must_use]
    pub fn new(function: &Function, route: &'static str, tag: Tag, access: Access) -> Self {
        let (method, path) = route.split_once(' ').unwrap_or(("GET", route));
        let mut errors = vec![problem::NOT_THROUGH_CDN];
        if function.takes_body {
            errors.extend([
                problem::UNSUPPORTED_MEDIA_TYPE,
                problem::BODY_TOO_LARGE,
                problem::INVALID_REQUEST,
            ]);
        }
        match access {
            Access::Anyone => {}
            Access::SignedIn => errors.extend([
                problem::TOKEN_MISSING,
                problem::TOKEN_INVALID,
                problem::NOT_YOURS,
            ]),
            Access::Identified => errors.extend([problem::TOKEN_MISSING, problem::TOKEN_INVALID]),
            Access::Admitted => errors.extend([
                problem::TOKEN_MISSING,
                problem::TOKEN_INVALID,
                problem::NOT_ADMITTED,
                problem::TURN_OVER,
            ]),
        }
        if function.init != Init::Nothing {
            errors.extend([problem::THROTTLED, problem::BUSY]);
        }
        Self {
            function: function.name,
            method,
            path,
            tag,
            summary: "",
            description: "",
            access,
            parameters: Vec::new(),
            body: None,
            successes: Vec::new(),
            is_public: false,
            has_retry_after: false,
            errors,
        }
    }

    /// Sets the summary and the description.
    #[must_use]
    pub fn describe(self, summary: &'static str, description: &'static str) -> Self {
        Self {
            summary,
            description,
            ..self
        }
    }

    fn parameter(
        mut self,
        place: &'static str,
        name: &'static str,
        required: bool,
        description: &'static str,
        schema: Value,
    ) -> Self {
        self.parameters.push(Parameter {
            name,
            place,
            required,
            description,
            schema: Schema::try_from(schema).unwrap_or_default(),
        });
        self
    }

    /// Adds an optional query parameter.
    #[must_use]
    pub fn query(self, name: &'static str, description: &'static str, schema: Value) -> Self {
        self.parameter("query", name, false, description, schema)
    }

    /// Adds a required header.
    #[must_use]
    pub fn header(self, name: &'static str, description: &'static str, schema: Value) -> Self {
        self.parameter("header", name, true, description, schema)
    }

    /// Adds `limit` and `cursor`, as [`crate::http::ApiRequest::limit`] reads them.
    #[must_use]
    pub fn paginated(self, default: usize, most: usize) -> Self {
        let limit = json_schema!({
            "type": "integer", "minimum": 1, "maximum": most, "default": default
        });
        self.query("limit", "The maximum length of the list.", limit.into())
            .query(
                "cursor",
                "`nextCursor` of the previous page. Opaque.",
                json_schema!({"type": "string"}).into(),
            )
    }

    /// Sets the request body, by the function that reads its fields.
    #[must_use]
    pub fn body<T>(mut self, required: bool, read: impl FnOnce(&mut BodyFields) -> T) -> Self {
        self.body = Some(RequestBody {
            required,
            schema: Schema::try_from(describe(read)).unwrap_or_default(),
        });
        self
    }

    /// Adds a success response with a body.
    #[must_use]
    pub fn response<T: JsonSchema>(mut self, status: u16, description: &'static str) -> Self {
        self.successes.push(Success {
            status,
            description,
            schema: Some(SchemaGenerator::subschema_for::<T>),
        });
        self
    }

    /// Adds the success response 204.
    #[must_use]
    pub fn no_content(mut self, description: &'static str) -> Self {
        self.successes.push(Success {
            status: 204,
            description,
            schema: None,
        });
        self
    }

    /// Marks the response as the same for everybody; a CDN may cache it for a second.
    #[must_use]
    pub fn public(self) -> Self {
        Self {
            is_public: true,
            ..self
        }
    }

    /// Success responses have `Retry-After` while the user waits.
    #[must_use]
    pub fn retry_after(self) -> Self {
        Self {
            has_retry_after: true,
            ..self
        }
    }

    /// Adds problems beyond those that follow from the access and the body.
    #[must_use]
    pub fn problems(mut self, kinds: &[Kind]) -> Self {
        self.errors.extend_from_slice(kinds);
        self
    }

    /// All problems of the operation, in order of precedence.
    #[must_use]
    pub fn errors(&self) -> Vec<&'static Kind> {
        problem::KINDS
            .iter()
            .filter(|kind| self.errors.contains(kind))
            .collect()
    }
}

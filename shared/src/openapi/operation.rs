//! What a function says of itself.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::http::problem::{self, Kind};
use crate::http::{BodyFields, describe};
use crate::lambda::{Function, Init};

/// Who may call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    Anyone,
    /// The same; but where there is an OpenID Connect issuer, who has its token.
    Joiner,
    /// A genuine, unexpired token of this user, in any state of the queue.
    Known,
    /// The same, and the session for the event is live.
    Inside,
}

/// The part of the API to which an operation belongs.
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
        (Self::Events, "Events", "What is on sale. For anyone."),
        (
            Self::Queue,
            "Queue",
            "Joining the line, and where one stands in it.",
        ),
        (
            Self::Seats,
            "Seats",
            "What is left, and holding it. For those whose turn it is.",
        ),
        (
            Self::Reservations,
            "Reservations",
            "Paying, seeing and cancelling what one has reserved.",
        ),
        (
            Self::Wallet,
            "Wallet",
            "The prepaid money that reservations are paid from.",
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
    /// `query` or `header`; those in the path are known by it.
    pub(super) place: &'static str,
    pub(super) required: bool,
    pub(super) description: &'static str,
    pub(super) schema: Schema,
}

pub(super) struct RequestBody {
    pub(super) required: bool,
    pub(super) schema: Schema,
}

/// An endpoint, as the API's document tells of it.
pub struct Operation {
    /// The function that answers.
    pub function: &'static str,
    pub method: &'static str,
    /// As in template.yaml.
    pub path: &'static str,
    pub(super) tag: Tag,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) who: Who,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<RequestBody>,
    pub(super) successes: Vec<Success>,
    pub(super) is_public: bool,
    pub(super) may_say_when_to_ask_again: bool,
    errors: Vec<Kind>,
}

impl Operation {
    /// An operation: its function, `METHOD /path`, and who may call.
    #[must_use]
    pub fn new(function: &Function, route: &'static str, tag: Tag, who: Who) -> Self {
        let (method, path) = route.split_once(' ').unwrap_or(("GET", route));
        let mut errors = Vec::new();
        if function.takes_body {
            errors.extend([
                problem::UNSUPPORTED_MEDIA_TYPE,
                problem::BODY_TOO_LARGE,
                problem::INVALID_REQUEST,
            ]);
        }
        match who {
            Who::Anyone => {}
            Who::Joiner => errors.extend([
                problem::TOKEN_MISSING,
                problem::TOKEN_INVALID,
                problem::NOT_YOURS,
            ]),
            Who::Known => errors.extend([problem::TOKEN_MISSING, problem::TOKEN_INVALID]),
            Who::Inside => errors.extend([
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
            who,
            parameters: Vec::new(),
            body: None,
            successes: Vec::new(),
            is_public: false,
            may_say_when_to_ask_again: false,
            errors,
        }
    }

    /// A few words, and what else one should know.
    #[must_use]
    pub fn says(self, summary: &'static str, description: &'static str) -> Self {
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

    /// An optional query parameter.
    #[must_use]
    pub fn query(self, name: &'static str, description: &'static str, schema: Value) -> Self {
        self.parameter("query", name, false, description, schema)
    }

    /// A header that must be there.
    #[must_use]
    pub fn header(self, name: &'static str, description: &'static str, schema: Value) -> Self {
        self.parameter("header", name, true, description, schema)
    }

    /// `limit` and `cursor`, as [`crate::http::ApiRequest::limit`] reads them.
    #[must_use]
    pub fn pages(self, default: usize, most: usize) -> Self {
        let limit = json_schema!({
            "type": "integer", "minimum": 1, "maximum": most, "default": default
        });
        self.query("limit", "The longest that the list may be.", limit.into())
            .query(
                "cursor",
                "Where the list goes on: `nextCursor` of the page before. Opaque.",
                json_schema!({"type": "string"}).into(),
            )
    }

    /// The request's body, by the function that reads its fields.
    #[must_use]
    pub fn body<T>(
        mut self,
        required: bool,
        read: impl FnOnce(&mut BodyFields) -> Option<T>,
    ) -> Self {
        self.body = Some(RequestBody {
            required,
            schema: Schema::try_from(describe(read)).unwrap_or_default(),
        });
        self
    }

    /// A success with a body.
    #[must_use]
    pub fn answers<T: JsonSchema>(mut self, status: u16, description: &'static str) -> Self {
        self.successes.push(Success {
            status,
            description,
            schema: Some(SchemaGenerator::subschema_for::<T>),
        });
        self
    }

    /// 204.
    #[must_use]
    pub fn answers_nothing(mut self, description: &'static str) -> Self {
        self.successes.push(Success {
            status: 204,
            description,
            schema: None,
        });
        self
    }

    /// Anybody's answer, which a CDN may keep for a second.
    #[must_use]
    pub fn public(self) -> Self {
        Self {
            is_public: true,
            ..self
        }
    }

    /// Successes carry `Retry-After` while the user waits.
    #[must_use]
    pub fn says_when_to_ask_again(self) -> Self {
        Self {
            may_say_when_to_ask_again: true,
            ..self
        }
    }

    /// The codes that it can give beside those that follow from who may call and from a body.
    #[must_use]
    pub fn refuses(mut self, kinds: &[Kind]) -> Self {
        self.errors.extend_from_slice(kinds);
        self
    }

    /// All codes that it can give, in the order of precedence.
    #[must_use]
    pub fn errors(&self) -> Vec<&'static Kind> {
        problem::KINDS
            .iter()
            .filter(|kind| self.errors.contains(kind))
            .collect()
    }
}

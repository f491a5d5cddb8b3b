//! JSON schemas of ids, times and amounts. They must match the parsers of these types.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::clock::EpochMs;
use crate::ids::{DateKey, EntryId, EventId, ReservationId, SeatNumber, UserId};
use crate::localized::LocalizedText;
use crate::money::{Currency, Money};
use crate::profile::TimeZoneName;
use crate::queue::PollAfter;
use crate::rehearsal::Challenge;

/// A UUID with hyphens.
pub const UUID: &str = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$";

macro_rules! scalars {
    ($($type:ident $schema:tt)+) => {
        $(impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        })+
    };
}

scalars! {
    EventId {
        "description": "An event's id.",
        "type": "string",
        "pattern": "^[a-z0-9-]{1,64}$",
        "examples": ["maru-trio"]
    }
    UserId {
        "description": "A user's id.",
        "type": "string",
        "format": "uuid",
        "pattern": (UUID),
        "examples": ["0c0189ef-94ac-4db1-a220-ff8f573e1f55"]
    }
    DateKey {
        "description": "A date of an event: a day, or a day and a time if the day has several performances.",
        "type": "string",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2})?$",
        "examples": ["2026-12-24"]
    }
    ReservationId {
        "description": "A reservation's id; opaque.",
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]{1,128}$",
        "examples": ["AaH60dRVejil7z2i5R4zXQHJBNFtYXJ1LXRyaW8"]
    }
    Challenge {
        "description": "32 random bytes in hexadecimal.",
        "type": "string",
        "pattern": "^[0-9A-Fa-f]{64}$",
        "examples": ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
    }
    EntryId {
        "description": "The id of a charge, a payment or a refund; opaque.",
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]{1,128}$",
        "examples": ["01a1fad1-d47c-7988-8655-931c9fddefb4"]
    }
    SeatNumber {
        "description": "A seat's number. The seats of a date are numbered from 1 through all its sections.",
        "type": "integer",
        "minimum": 1,
        "maximum": 4_294_967_295_u32
    }
    Money {
        "description": "An amount in the currency's minor unit.",
        "type": "integer",
        "minimum": -9_007_199_254_740_991_i64,
        "maximum": 9_007_199_254_740_991_i64
    }
    PollAfter {
        "type": "number"
    }
    Currency {
        "description": "An ISO 4217 code.",
        "type": "string",
        "pattern": "^[A-Z]{3}$",
        "examples": ["KRW"]
    }
    TimeZoneName {
        "description": "The venue's time zone: a name of the IANA database.",
        "type": "string",
        "examples": ["Asia/Seoul"]
    }
    LocalizedText {
        "description": "A text by language (a BCP 47 tag; `und` if the language is not stated).",
        "type": "object",
        "additionalProperties": {"type": "string"},
        "propertyNames": {"pattern": "^[a-z]{2,3}(-[A-Za-z0-9]{1,8})*$"},
        "minProperties": 1,
        "examples": [{"en": "Jazz under the city", "ko": "도시 아래의 재즈"}]
    }
    EpochMs {
        "description": "A time in RFC 3339, UTC, with milliseconds.",
        "type": "string",
        "format": "date-time",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$",
        "examples": ["2026-12-24T10:00:00.000Z"]
    }
}

//! What a catalogue says about presales.

use domain::clock::EpochMs;
use domain::presale::{PhaseName, Presale};
use serde::Deserialize;

use super::check::{Scope, opening};
use super::raw::{List, Opening, RawPresale, check_name};
use super::times::Zone;

/// A name that buyers read, without the white space around it.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct WrittenPhase(PhaseName);

impl TryFrom<String> for WrittenPhase {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let name = PhaseName::parse(&text)?;
        check_name(name.as_str(), usize::MAX)?;
        Ok(Self(name))
    }
}

/// More phases than this would confuse everybody.
const MOST: usize = 10;

/// `opens_at` is the general opening, which must be there and later than every presale.
pub(super) fn presales(
    scope: &mut Scope<'_>,
    field: List<RawPresale>,
    opens_at: Option<EpochMs>,
    has_opening: bool,
    (first_applied_at, zone): (EpochMs, Option<&Zone>),
) -> Vec<Presale> {
    const NAME: &str = "presales";
    if !field.is_present() {
        return Vec::new();
    }
    let line = field.line();
    if !has_opening {
        let message = "needs opensAt: presales are before the general sale";
        scope.error(line, NAME, message);
    }
    let mut presales: Vec<Presale> = Vec::new();
    scope.each(NAME, field, |scope, raw| {
        let (name_line, closing_line) = (raw.name.line(), raw.closes_at.line());
        let opening_line = raw.opens_at.line();
        let name = scope.required_value("name", raw.name);
        if !raw.opens_at.is_present() {
            scope.error(opening_line, "opensAt", "is required");
        }
        let mut time = |name: &str, field: super::raw::Value<Opening>| {
            opening(scope, name, field, first_applied_at, zone)
        };
        let from = time("opensAt", raw.opens_at);
        let has_end = raw.closes_at.is_present();
        let until = time("closesAt", raw.closes_at);
        let (Some(WrittenPhase(name)), Some(from), Some(opens_at)) = (name, from, opens_at) else {
            return;
        };
        let until = if has_end { until } else { Some(opens_at) };
        let Some(until) = until else { return };
        if from >= opens_at {
            let message = format!("must be earlier than the general opening, {opens_at}");
            scope.error(opening_line, "opensAt", message);
        } else if until <= from {
            scope.error(closing_line, "closesAt", "must be later than opensAt");
        } else if until > opens_at {
            let message = format!("must not be later than the general opening, {opens_at}");
            scope.error(closing_line, "closesAt", message);
        }
        if presales.iter().any(|known| known.name == name) {
            scope.error(name_line, "name", format!("is already used: {name}"));
        }
        presales.push(Presale {
            name,
            opens_at: from,
            closes_at: until,
        });
    });
    if presales.len() > MOST {
        scope.error(line, NAME, format!("must be at most {MOST}"));
    }
    presales
}

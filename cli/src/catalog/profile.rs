//! What a catalogue says about an event for its pages and tickets.

use domain::ids::EventId;
use domain::localized::LocalizedText;
use domain::profile::{Profile, Texts};

use super::check::Scope;
use super::fees::{self, Organizer};
use super::raw::{Name, PictureSource, RawEvent, Whole};
use super::texts::{MAX_BYTES_PER_EVENT, WrittenText};
use super::times::Zone;
use super::yaml::{Field, Scalar};

/// Artists of one event.
const MAX_ARTISTS: usize = 30;

/// Takes the fields out of `raw`.
pub(super) fn profile(
    scope: &mut Scope<'_>,
    raw: &mut RawEvent,
    zone: Option<&Zone>,
    organizer_of_file: &Organizer,
) -> Profile {
    let mut take = |name, field: &mut Field<Scalar<Name>>| {
        scope
            .value(name, std::mem::take(field))
            .map(|Name(text)| text)
    };
    let city = take("city", &mut raw.city);
    let address = take("address", &mut raw.address);
    let organizer = fees::organizer(
        scope,
        std::mem::take(&mut raw.organizer),
        std::mem::take(&mut raw.organizer_tax_number),
        std::mem::take(&mut raw.organizer_address),
    );
    let Organizer {
        name: organizer,
        tax_number: organizer_tax_number,
        address: organizer_address,
    } = organizer.or(organizer_of_file);
    Profile {
        artists: artists(scope, std::mem::take(&mut raw.artists)),
        city,
        address,
        time_zone: zone.map(|zone| zone.name.clone()),
        organizer,
        organizer_tax_number,
        organizer_address,
        age_limit: scope
            .value("ageLimit", std::mem::take(&mut raw.age_limit))
            .map(Whole::count),
        duration_minutes: scope
            .value("durationMinutes", std::mem::take(&mut raw.duration_minutes))
            .map(Whole::count),
        // Set once the picture has been loaded.
        image: None,
    }
}

fn artists(scope: &mut Scope<'_>, field: Field<Vec<Field<Scalar<Name>>>>) -> Vec<String> {
    let Some((line, artists)) = scope.optional("artists", field) else {
        return Vec::new();
    };
    if !(1..=MAX_ARTISTS).contains(&artists.len()) {
        let message = format!("must have 1 to {MAX_ARTISTS} names");
        scope.error(line, "artists", message);
    }
    let read = artists.into_iter().enumerate();
    read.filter_map(|(index, artist)| scope.value(&format!("artists[{index}]"), artist))
        .map(|Name(artist)| artist)
        .collect()
}

/// A picture that has to be loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WantedPicture {
    pub event: EventId,
    pub source: PictureSource,
    pub alt: LocalizedText,
    /// For errors: where the catalogue names the source.
    pub line: u64,
    pub field: String,
}

/// Takes the picture out of `raw`.
pub(super) fn picture(
    scope: &mut Scope<'_>,
    raw: &mut RawEvent,
    event: Option<&EventId>,
) -> Option<WantedPicture> {
    let (mut scope, raw) = scope.enter("image", std::mem::take(&mut raw.image))?;
    let source = scope.required("file", raw.file);
    let alt = scope.required("alt", raw.alt);
    let alt = alt.and_then(|(line, alt)| scope.accept((line, "alt"), alt.plain()));
    let (line, Scalar(source)) = source?;
    Some(WantedPicture {
        event: event?.clone(),
        source,
        alt: alt?,
        line,
        field: scope.path_of("file"),
    })
}

/// Takes the long texts out of `raw`.
pub(super) fn texts(scope: &mut Scope<'_>, raw: &mut RawEvent) -> Texts {
    let line = raw.description.line().max(raw.terms.line());
    let texts = Texts {
        description: markdown(scope, "description", std::mem::take(&mut raw.description)),
        terms: markdown(scope, "terms", std::mem::take(&mut raw.terms)),
    };
    let all = [&texts.description, &texts.terms];
    let bytes: usize = all.into_iter().flatten().map(LocalizedText::bytes).sum();
    if bytes > MAX_BYTES_PER_EVENT {
        let message = format!(
            "description and terms have {bytes} bytes in all languages; at most {MAX_BYTES_PER_EVENT} are allowed"
        );
        scope.error(line, "description", message);
    }
    texts
}

fn markdown(scope: &mut Scope<'_>, name: &str, field: Field<WrittenText>) -> Option<LocalizedText> {
    let (line, text) = scope.optional(name, field)?;
    scope.accept((line, name), text.markdown())
}

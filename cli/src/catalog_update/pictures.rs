//! The pictures of a catalogue: read or downloaded, and scaled to the sizes that pages ask for.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;
use std::time::Duration;

use domain::ids::EventId;
use domain::image::{Image, ImageHash, ImageName, ImageSize};
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use sha2::{Digest, Sha256};
use shared::exchange::{Connector, Exchange, connector};
use shared::store::Picture;

use crate::catalog::{Catalog, CatalogError, PictureSource, WantedPicture};

/// Part of the hash: another number gives every picture a new address, because addresses are cached for ever. Change it together
/// with the way in which pictures are scaled.
const VERSION: &[u8] = b"boxoffice-picture-2";
/// In pixels. A picture is never enlarged: the largest size is at most its own width. Phones show pictures 360 to 430 wide, at
/// two or three pixels each.
const WIDTHS: [u32; 4] = [480, 800, 1200, 1600];
const MIN_WIDTH: u32 = 200;
/// The longer side is at most this many times the shorter one.
const MAX_ASPECT: u32 = 3;
/// Of the original.
const MAX_FILE_BYTES: u64 = 20 * 1024 * 1024;
/// Of the original, in pixels on each side: a file of a few bytes can unpack to gigabytes.
const MAX_SIDE: u32 = 12_000;
const MAX_MEMORY: u64 = 768 * 1024 * 1024;
/// Of one size. An item of DynamoDB has at most 400 KB.
const MAX_JPEG_BYTES: usize = 350_000;
/// The first that is small enough is used.
const QUALITIES: [u8; 4] = [76, 65, 50, 35];
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(20);

/// Where the files are to which a catalogue refers.
#[derive(Clone, Copy, Debug)]
pub enum Files<'a> {
    /// In the folder of the catalogue.
    Beside(&'a Path),
    /// In the executable, by name.
    Embedded(&'a [(&'a str, &'a [u8])]),
}

/// Files that have to be stored, by event.
pub(super) type Pictures = BTreeMap<EventId, Vec<Picture>>;

/// Loads the pictures of a catalogue, and lets its events refer to them. Those that the table has already are not scaled
/// again. Errors have the line of the picture.
pub(super) async fn load(
    mut catalog: Catalog,
    files: Files<'_>,
    known: &BTreeMap<EventId, Image>,
) -> Result<(Catalog, Pictures), Vec<CatalogError>> {
    let mut pictures = Pictures::new();
    let mut errors = Vec::new();
    let mut connection = None;
    for wanted in std::mem::take(&mut catalog.pictures) {
        let original = match &wanted.source {
            PictureSource::File(path) => read(path, files),
            PictureSource::Url(url) => {
                download(url, connection.get_or_insert_with(connector)).await
            }
        };
        let known = known.get(&wanted.event);
        match original.and_then(|original| prepare(&wanted, &original, known)) {
            Ok((image, scaled)) => {
                let mut events = catalog.events.iter_mut();
                let event = events.find(|of| of.programme.event.event_id == wanted.event);
                if let Some(event) = event {
                    event.programme.event.terms.profile.image = Some(image);
                }
                pictures.insert(wanted.event, scaled);
            }
            Err(message) => errors.push(CatalogError {
                line: wanted.line,
                field: wanted.field,
                message,
            }),
        }
    }
    if errors.is_empty() {
        Ok((catalog, pictures))
    } else {
        Err(errors)
    }
}

fn prepare(
    wanted: &WantedPicture,
    original: &[u8],
    known: Option<&Image>,
) -> Result<(Image, Vec<Picture>), String> {
    let hash = hash_of(original)?;
    let alt = wanted.alt.clone();
    if let Some(known) = known.filter(|known| known.hash == hash) {
        let sizes = known.sizes.clone();
        return Ok((Image { hash, alt, sizes }, Vec::new()));
    }
    let scaled = scaled(original)?;
    let sizes = scaled.iter().map(|(size, _)| *size).collect();
    let pictures = scaled.into_iter().map(|(size, jpeg)| Picture {
        name: ImageName {
            hash: hash.clone(),
            width: size.width,
        },
        jpeg,
    });
    let pictures = pictures.collect();
    Ok((Image { hash, alt, sizes }, pictures))
}

fn hash_of(original: &[u8]) -> Result<ImageHash, String> {
    let digest = Sha256::new().chain_update(VERSION).chain_update(original);
    let mut text = hex::encode(digest.finalize());
    text.truncate(ImageHash::LENGTH);
    ImageHash::try_from(text)
}

fn read(path: &str, files: Files<'_>) -> Result<Vec<u8>, String> {
    match files {
        Files::Embedded(files) => files
            .iter()
            .find(|(name, _)| *name == path)
            .map(|(_, bytes)| bytes.to_vec())
            .ok_or_else(|| format!("there is no file {path} beside this catalogue")),
        Files::Beside(folder) => {
            read_file(&folder.join(path)).map_err(|error| format!("cannot read {path}: {error}"))
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let mut limited = file.take(MAX_FILE_BYTES + 1);
    limited
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("it is larger than {MAX_FILE_BYTES} bytes"));
    }
    Ok(bytes)
}

async fn download(url: &str, connector: &Connector) -> Result<Vec<u8>, String> {
    let exchange = Exchange {
        method: "GET",
        url,
        headers: &[("accept", "image/jpeg, image/png, image/webp")],
        body: "",
    };
    let most = usize::try_from(MAX_FILE_BYTES).unwrap_or(usize::MAX);
    let reply = tokio::time::timeout(DOWNLOAD_TIMEOUT, exchange.send(connector, most))
        .await
        .map_err(|_| format!("{url} did not respond in time"))?
        .map_err(|error| format!("cannot download {url}: {error}"))?;
    match reply.status {
        200 => Ok(reply.body),
        301..=308 => Err(format!(
            "{url} redirects to another address: use that address"
        )),
        status => Err(format!("{url} responded with status {status}")),
    }
}

/// The picture in each size, as a JPEG file without metadata.
fn scaled(original: &[u8]) -> Result<Vec<(ImageSize, Vec<u8>)>, String> {
    let picture = decoded(original)?;
    let (width, height) = (picture.width(), picture.height());
    if width < MIN_WIDTH {
        return Err(format!(
            "is {width} pixels wide; it must have at least {MIN_WIDTH}"
        ));
    }
    if width.max(height) > MAX_ASPECT * width.min(height) {
        return Err(format!(
            "is {width} by {height} pixels: one side must not be longer than {MAX_ASPECT} times the other"
        ));
    }
    let largest = WIDTHS[WIDTHS.len() - 1].min(width);
    let widths = WIDTHS.into_iter().filter(|narrower| *narrower < largest);
    widths
        .chain([largest])
        .map(|wanted| {
            let exact = u64::from(height) * u64::from(wanted);
            let wanted_height = u32::try_from((exact + u64::from(width) / 2) / u64::from(width))
                .unwrap_or(u32::MAX);
            let scaled = if wanted == width {
                picture.clone()
            } else {
                image::imageops::resize(&picture, wanted, wanted_height, FilterType::Lanczos3)
            };
            let size = ImageSize {
                width: wanted,
                height: wanted_height,
            };
            Ok((size, jpeg(&scaled)?))
        })
        .collect()
}

fn decoded(original: &[u8]) -> Result<RgbImage, String> {
    let unreadable = |error: image::ImageError| format!("is not a readable picture: {error}");
    let mut reader = ImageReader::new(Cursor::new(original))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    if !matches!(
        reader.format(),
        Some(ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP)
    ) {
        return Err("must be a JPEG, PNG or WebP picture".to_owned());
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(unreadable)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    picture.apply_orientation(orientation);
    Ok(on_white(&picture))
}

/// JPEG has no transparency.
fn on_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let transparent = picture.to_rgba8();
    RgbImage::from_fn(transparent.width(), transparent.height(), |x, y| {
        let [red, green, blue, alpha] = transparent.get_pixel(x, y).0;
        let over = |colour: u8| {
            let (colour, alpha) = (u32::from(colour), u32::from(alpha));
            u8::try_from((colour * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
        };
        image::Rgb([over(red), over(green), over(blue)])
    })
}

fn jpeg(picture: &RgbImage) -> Result<Vec<u8>, String> {
    let side = |pixels: u32| u16::try_from(pixels).map_err(|_| "is too large".to_owned());
    let (width, height) = (side(picture.width())?, side(picture.height())?);
    for quality in QUALITIES {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, quality);
        // Half the bytes of the encoder's defaults, for the same look.
        encoder.set_progressive(true);
        encoder.set_optimized_huffman_tables(true);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder
            .encode(picture.as_raw(), width, height, ColorType::Rgb)
            .map_err(|error| error.to_string())?;
        if bytes.len() <= MAX_JPEG_BYTES {
            return Ok(bytes);
        }
    }
    Err(format!(
        "has too many details: at {} pixels of width it needs more than {MAX_JPEG_BYTES} bytes",
        picture.width()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let picture = RgbImage::from_fn(width, height, |x, y| {
            let shade = |n: u32| u8::try_from(n % 256).unwrap();
            image::Rgb([shade(x), shade(y), shade(x + y)])
        });
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::from(picture)
            .write_to(&mut bytes, format)
            .unwrap();
        bytes.into_inner()
    }

    fn sizes(original: &[u8]) -> Result<Vec<(u32, u32)>, String> {
        let scaled = scaled(original)?;
        for (size, jpeg) in &scaled {
            let back = decoded(jpeg).unwrap();
            assert_eq!((back.width(), back.height()), (size.width, size.height));
            assert!(jpeg.len() <= MAX_JPEG_BYTES);
        }
        let sizes = scaled.iter();
        Ok(sizes.map(|(size, _)| (size.width, size.height)).collect())
    }

    #[test]
    fn a_picture_gets_a_few_sizes_and_is_never_enlarged() {
        let of = |width, height| sizes(&encoded(width, height, ImageFormat::Png)).unwrap();
        assert_eq!(
            of(1800, 1200),
            [(480, 320), (800, 533), (1200, 800), (1600, 1067)]
        );
        assert_eq!(of(1200, 800), [(480, 320), (800, 533), (1200, 800)]);
        assert_eq!(of(800, 533), [(480, 320), (800, 533)]);
        assert_eq!(of(300, 400), [(300, 400)]);
    }

    #[test]
    fn jpeg_png_and_webp_are_read_and_other_files_are_refused() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let read = sizes(&encoded(480, 300, format));
            assert_eq!(read, Ok(vec![(480, 300)]), "{format:?}");
        }
        let whole = encoded(480, 300, ImageFormat::Png);
        for wrong in [&b""[..], b"GIF89a", b"<svg></svg>", &whole[..200]] {
            assert!(sizes(wrong).is_err());
        }
        for (width, height) in [(199, 199), (200, 601), (601, 200)] {
            let bytes = encoded(width, height, ImageFormat::Png);
            assert!(sizes(&bytes).is_err(), "{width} x {height}");
        }
    }

    #[test]
    fn transparent_parts_are_white() {
        let mut bytes = Cursor::new(Vec::new());
        let clear = image::RgbaImage::from_pixel(300, 300, image::Rgba([9, 9, 9, 0]));
        DynamicImage::from(clear)
            .write_to(&mut bytes, ImageFormat::Png)
            .unwrap();
        let picture = decoded(&bytes.into_inner()).unwrap();
        assert_eq!(picture.get_pixel(10, 10).0, [255, 255, 255]);
    }

    #[test]
    fn noise_is_compressed_until_it_fits_into_an_item() {
        let mut state = 1_u32;
        let noise = RgbImage::from_fn(1600, 1200, |_, _| {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            };
            image::Rgb([next(), next(), next()])
        });
        match jpeg(&noise) {
            Ok(bytes) => assert!(bytes.len() <= MAX_JPEG_BYTES),
            Err(message) => assert!(message.contains("too many details"), "{message}"),
        }
    }
}

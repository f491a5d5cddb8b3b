//! Content encodings.

use std::io::Write;

use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;
use lambda_http::http::header::CONTENT_ENCODING;
use shared::http::Answer;

/// The quality of Brotli, of 0 to 11, from which on it takes many times as long for a few percent.
const FAST_QUALITY: i32 = 5;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
    Plain,
}

impl Encoding {
    /// The smallest encoding that the client accepts. Quality values other than 0 are ignored.
    pub(crate) fn accepted(header: Option<&str>) -> Self {
        let takes = |name: &str| {
            header.unwrap_or_default().split(',').any(|item| {
                let mut parts = item.split(';').map(str::trim);
                let named = parts
                    .next()
                    .is_some_and(|part| part.eq_ignore_ascii_case(name));
                named && !parts.any(is_zero)
            })
        };
        if takes("br") {
            Self::Brotli
        } else if takes("gzip") {
            Self::Gzip
        } else {
            Self::Plain
        }
    }

    /// Encodes a text that is made for the request. Fast rather than small: the CDN keeps the page for some seconds only.
    pub(crate) fn encode(self, text: &str) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Plain => Ok(text.into()),
            Self::Gzip => {
                let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
                gzip.write_all(text.as_bytes())?;
                gzip.finish()
            }
            Self::Brotli => {
                let mut encoded = Vec::new();
                let parameters = BrotliEncoderParams {
                    quality: FAST_QUALITY,
                    ..BrotliEncoderParams::default()
                };
                brotli::BrotliCompress(&mut text.as_bytes(), &mut encoded, &parameters)?;
                Ok(encoded)
            }
        }
    }

    /// Adds the header that names the encoding.
    pub(crate) fn told(self, answer: Answer) -> Answer {
        match self {
            Self::Brotli => answer.with(CONTENT_ENCODING, "br"),
            Self::Gzip => answer.with(CONTENT_ENCODING, "gzip"),
            Self::Plain => answer,
        }
    }
}

/// Whether a parameter is `q=0`, `q=0.0` and so on.
fn is_zero(parameter: &str) -> bool {
    parameter
        .to_ascii_lowercase()
        .strip_prefix("q=")
        .is_some_and(|quality| quality.parse::<f32>().is_ok_and(|quality| quality <= 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_encoding_that_is_taken_is_sent() {
        for (header, expected) in [
            (None, Encoding::Plain),
            (Some(""), Encoding::Plain),
            (Some("gzip, deflate, br, zstd"), Encoding::Brotli),
            (Some("gzip;q=1.0, br;q=0"), Encoding::Gzip),
            (Some("br; q=0.000, GZIP"), Encoding::Gzip),
            (Some("brotli, gzipped"), Encoding::Plain),
            (Some("br;q=0.1"), Encoding::Brotli),
        ] {
            assert_eq!(Encoding::accepted(header), expected, "{header:?}");
        }
    }
}

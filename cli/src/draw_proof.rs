//! Verifies a draw from its published data alone.

use domain::ids::{EventId, Lane};
use domain::queue::{Lanes, PROCEDURE, Permutation, Secret};
use serde::Deserialize;

/// In a larger lane, only this many numbers are checked one by one.
const MAX_CHECKED: u64 = 2_000_000;

/// The public state of a queue, as far as it concerns the draw.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedQueue {
    pub event_id: EventId,
    /// None if the queue does not draw.
    pub draw: Option<PublishedDraw>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedDraw {
    procedure: String,
    commitment: String,
    beacon: Option<Beacon>,
    count: Option<u64>,
    counts: Option<Vec<u64>>,
    secret: Option<String>,
}

#[derive(Deserialize)]
pub struct Beacon {
    source: String,
    value: Option<String>,
}

/// A verified draw.
pub struct DrawProof {
    /// For each lane.
    pub permutations: Vec<Permutation>,
    /// For each lane, how many took part.
    pub counts: Vec<u64>,
    /// What was verified, in words.
    pub verified: Vec<String>,
}

/// Verifies a draw, or says why it cannot be verified. `noted` is the commitment that a user saw before the opening.
pub fn verify(published: &PublishedQueue, noted: Option<&str>) -> Result<DrawProof, String> {
    let draw = published
        .draw
        .as_ref()
        .ok_or("this queue has no draw: users are called in the order in which they joined")?;
    if draw.procedure != PROCEDURE {
        return Err(format!(
            "the procedure {} is unknown; this command knows {PROCEDURE}",
            draw.procedure
        ));
    }
    let (Some(secret), Some(counts)) = (&draw.secret, &draw.counts) else {
        return Err("the draw has not been held yet; it is held at the opening".to_owned());
    };
    let secret = Secret::parse(secret)?;
    if !secret.commitment().eq_ignore_ascii_case(&draw.commitment) {
        return Err(format!(
            "the secret does not match the commitment: its SHA-256 is {}, the commitment is {}",
            secret.commitment(),
            draw.commitment
        ));
    }
    if let Some(noted) = noted
        && !noted.eq_ignore_ascii_case(&draw.commitment)
    {
        return Err(format!(
            "the commitment differs from the one that you noted: {}",
            draw.commitment
        ));
    }
    let mut verified = vec![format!(
        "the secret matches the commitment: {}",
        draw.commitment
    )];
    let value = match &draw.beacon {
        None => "",
        Some(Beacon {
            source,
            value: None,
        }) => {
            return Err(format!("the draw waits for its random value: {source}"));
        }
        Some(Beacon {
            source,
            value: Some(value),
        }) => {
            verified.push(format!(
                "the random value is {value}; check that this is: {source}"
            ));
            value
        }
    };
    if counts.len() > usize::from(Lanes::MOST) {
        return Err(format!("more than {} lanes", Lanes::MOST));
    }
    let sum = counts
        .iter()
        .try_fold(0_u64, |sum, count| sum.checked_add(*count));
    if sum.is_none() || draw.count != sum {
        return Err("the counts of the lanes do not add up to the total count".to_owned());
    }
    let permutations: Vec<Permutation> = (0..)
        .zip(counts)
        .map(|(lane, count)| {
            Permutation::new(&secret, &published.event_id, Lane(lane), *count, value)
        })
        .collect();
    for (lane, (permutation, count)) in permutations.iter().zip(counts).enumerate() {
        check_ranks(permutation, *count).map_err(|number| {
            format!("number {number} of lane {lane} does not have a rank of its own")
        })?;
        let checked = match *count {
            0 => "nobody took part".to_owned(),
            count if count > MAX_CHECKED => {
                format!("each of the numbers 1 to {MAX_CHECKED} of {count} has a rank of its own")
            }
            count => format!("each of the numbers 1 to {count} has a rank of its own"),
        };
        verified.push(format!("lane {lane}: {checked}"));
    }
    Ok(DrawProof {
        permutations,
        counts: counts.clone(),
        verified,
    })
}

/// Checks that the ranks are a permutation of the numbers. The error is the first number that fails.
fn check_ranks(permutation: &Permutation, count: u64) -> Result<(), u64> {
    for number in 1..=count.min(MAX_CHECKED) {
        let rank = permutation.rank_of(number).ok_or(number)?;
        if !(1..=count).contains(&rank.0) || permutation.number_at(rank) != Some(number) {
            return Err(number);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(change: impl FnOnce(&mut PublishedDraw)) -> PublishedQueue {
        let secret = Secret::parse(&"5a".repeat(32)).unwrap();
        let mut draw = PublishedDraw {
            procedure: PROCEDURE.to_owned(),
            commitment: secret.commitment(),
            beacon: None,
            count: Some(300),
            counts: Some(vec![200, 100]),
            secret: Some(secret.reveal()),
        };
        change(&mut draw);
        PublishedQueue {
            event_id: EventId::parse("winter-live").unwrap(),
            draw: Some(draw),
        }
    }

    #[test]
    fn an_unchanged_draw_is_verified() {
        let proof = verify(&published(|_| ()), None).ok().unwrap();
        assert_eq!(proof.permutations.len(), 2);
        assert_eq!(proof.verified.len(), 3);
    }

    #[test]
    fn a_draw_that_was_changed_afterwards_is_not_verified() {
        let changes: [fn(&mut PublishedDraw); 5] = [
            |draw| draw.secret = Some("00".repeat(32)),
            |draw| draw.commitment = "00".repeat(32),
            |draw| draw.counts = Some(vec![200, 101]),
            |draw| draw.procedure = "boxoffice-draw-0".to_owned(),
            |draw| draw.secret = Some("not a secret".to_owned()),
        ];
        for change in changes {
            assert!(verify(&published(change), None).is_err());
        }
        let noted = "ab".repeat(32);
        assert!(verify(&published(|_| ()), Some(&noted)).is_err());
    }

    #[test]
    fn nothing_is_verified_before_the_draw_is_held() {
        assert!(verify(&published(|draw| draw.secret = None), None).is_err());
        let awaiting = published(|draw| {
            draw.beacon = Some(Beacon {
                source: "tonight's lottery".to_owned(),
                value: None,
            });
        });
        assert!(verify(&awaiting, None).is_err());
    }
}
